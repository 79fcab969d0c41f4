"""The tasks that compare what is kept twice: an edition that keeps nothing twice refuses them with a sentence."""

import pytest

from tests.dialogues.webadmin import Api, api

__all__ = ["api"]


@pytest.mark.parametrize(
    "path",
    [
        "/mailboxes?task=RecomputeMailboxCounters",
        "/mailboxes?task=SolveMessageRecentInconsistencies",
        "/mailboxes?task=CompareLogs",
        "/mailboxes?task=CompareLogs&mode=repair",
        "/messages?task=SolveInconsistencies",
        "/cassandra/mappings?action=SolveInconsistencies",
    ],
)
async def test_the_embedded_edition_has_none(api: Api, path: str) -> None:
    status, answer = await api.ask("POST", path)
    assert status == 400
    assert "keeps nothing twice" in str(answer)


async def test_the_queues_of_the_embedded_edition_have_no_broker_that_could_lose_mails(api: Api) -> None:
    path = "/mailQueues/spool?action=RepublishNotProcessedMails"
    for query, reason in (("", "olderThan"), ("&olderThan=x", "olderThan"), ("&olderThan=1d", "no broker")):
        status, answer = await api.ask("POST", path + query)
        assert status == 400
        assert reason in str(answer)
    assert await api.status("POST", "/mailQueues/spool?action=Other&olderThan=1d") == 400
    assert await api.status("POST", "/mailQueues/none?action=RepublishNotProcessedMails&olderThan=1d") == 404


async def test_names_are_compared_only_by_an_administrator_who_confirms_it(api: Api) -> None:
    status, answer = await api.ask("POST", "/mailboxes?task=SolveInconsistencies")
    assert status == 400
    assert "I-KNOW-WHAT-I-M-DOING" in str(answer)
    assert await api.status("POST", "/mailboxes?task=Other") == 400


async def test_an_unknown_mode_is_refused(api: Api) -> None:
    status, answer = await api.ask("POST", "/mailboxes?task=CompareLogs&mode=other")
    assert status == 400
    assert "mode" in str(answer)
