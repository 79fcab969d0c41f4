"""The routes of drop lists and of DLP rules."""

from tests.dialogues.webadmin import Api, api

__all__ = ["api"]


async def test_drop_lists(api: Api) -> None:
    for path in ("/droplist/global", "/droplist/domain/example.org", "/droplist/user/bob@example.org"):
        assert await api.ask("GET", path) == (200, [])
        for denied in ("eve@evil.example", "evil.example"):
            assert await api.status("HEAD", f"{path}/{denied}") == 404
            assert await api.status("PUT", f"{path}/{denied}") == 204
            assert await api.status("HEAD", f"{path}/{denied}") == 204
        assert await api.ask("GET", path) == (200, ["evil.example", "eve@evil.example"])
        assert await api.ask("GET", f"{path}?deniedEntityType=domain") == (200, ["evil.example"])
        assert await api.ask("GET", f"{path}?deniedEntityType=address") == (200, ["eve@evil.example"])
        assert await api.status("GET", f"{path}?deniedEntityType=other") == 400
        assert await api.status("PUT", f"{path}/a@@b") == 400
        assert await api.status("DELETE", f"{path}/evil.example") == 204
        assert await api.ask("GET", path) == (200, ["eve@evil.example"])
    assert await api.status("GET", "/droplist/user/no-address") == 400
    assert await api.status("GET", "/droplist/other/example.org") == 404


async def test_rules_of_data_leak_prevention(api: Api) -> None:
    path = "/dlp/rules/example.org"
    first = {
        "id": "1",
        "expression": "secret",
        "explanation": "why",
        "targetsSender": False,
        "targetsRecipients": True,
        "targetsContent": True,
    }
    second = {**first, "id": "2", "explanation": None}
    assert await api.ask("GET", path) == (200, {"rules": []})
    assert await api.status("PUT", path, json={"rules": [first, second]}) == 204
    assert await api.ask("GET", path) == (200, {"rules": [first, second]})
    assert await api.ask("GET", f"{path}/rules/2") == (200, second)
    assert await api.status("GET", f"{path}/rules/3") == 404
    assert await api.status("PUT", path, json={"rules": [first, first]}) == 400, "ids are unique"
    assert await api.status("PUT", path, json={"rules": [{**first, "expression": "((("}]}) == 400
    assert await api.status("PUT", path, json={"rules": [{"id": "1"}]}) == 400
    for method in ("GET", "PUT", "DELETE"):
        document = {"rules": []} if method == "PUT" else None
        assert await api.status(method, "/dlp/rules/unmanaged.example", json=document) == 404
    assert await api.status("DELETE", path) == 204
    assert await api.ask("GET", path) == (200, {"rules": []})
