"""/quota/users: the usage of all users is taken anew."""

import pytest

from tests.dialogues.webadmin import Api, api

__all__ = ["api"]


async def test_the_usage_of_all_users_is_taken_anew(api: Api) -> None:
    for name in ("dora", "emil"):
        assert await api.status("PUT", f"/users/{name}@example.org", {"password": "secret"}) == 204
    path = "/quota/users?task=RecomputeCurrentQuotas&usersPerSecond=50&quotaComponent=MAILBOX&quotaComponent=SIEVE"
    status, started = await api.ask("POST", path)
    assert status == 201
    _, report = await api.ask("GET", f"/tasks/{started['taskId']}/await")
    assert (report["type"], report["status"]) == ("recompute-current-quotas", "completed")
    told = report["additionalInformation"]
    users = (await api.ask("GET", "/users"))[1]
    assert told["recomputeSingleQuotaComponentResults"] == [
        {"quotaComponent": "MAILBOX", "processedIdentifierCount": len(users), "failedIdentifiers": []},
        {"quotaComponent": "SIEVE", "processedIdentifierCount": 0, "failedIdentifiers": []},
    ]
    assert told["runningOptions"] == {"usersPerSecond": 50, "quotaComponents": ["MAILBOX", "SIEVE"]}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?task=Other",
        "?task=RecomputeCurrentQuotas&usersPerSecond=0",
        "?task=RecomputeCurrentQuotas&quotaComponent=X",
    ],
)
async def test_what_is_wrong_is_refused(api: Api, query: str) -> None:
    assert await api.status("POST", f"/quota/users{query}") == 400
