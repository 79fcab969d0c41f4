"""The routes of the recipient rewrite table: groups, forwards, domain mappings and mappings of every type."""

from tests.dialogues.webadmin import Api, api

__all__ = ["api"]


async def test_groups(api: Api) -> None:
    group = "/address/groups/team@example.org"
    assert await api.ask("GET", "/address/groups") == (200, [])
    assert await api.ask("GET", group) == (
        404,
        {"statusCode": 404, "type": "notFound", "message": "The group does not exist", "details": None},
    )
    for member in ("c@elsewhere.example", "b@elsewhere.example", "b@elsewhere.example"):
        assert await api.status("PUT", f"{group}/{member}") == 204
    assert await api.ask("GET", "/address/groups") == (200, ["team@example.org"])
    assert await api.ask("GET", group) == (200, ["b@elsewhere.example", "c@elsewhere.example"])
    for method in ("PUT", "DELETE"):
        assert await api.status(method, group) == 400
    assert await api.status("PUT", "/address/groups/team@unmanaged.example/b@elsewhere.example") == 400
    assert await api.status("PUT", f"{group}/no-address") == 400
    assert await api.status("PUT", "/address/groups/bob@example.org/b@elsewhere.example") == 409, "bob is a user"
    assert await api.status("PUT", "/address/groups/other@example.org/team@example.org") == 204
    assert await api.status("PUT", f"{group}/other@example.org") == 409, "a loop"
    assert await api.status("DELETE", f"{group}/c@elsewhere.example") == 204
    assert await api.ask("GET", group) == (200, ["b@elsewhere.example"])
    assert await api.status("DELETE", "/address/groups") == 204
    assert await api.ask("GET", "/address/groups") == (200, [])


async def test_an_address_is_not_an_alias_and_a_group(api: Api) -> None:
    assert await api.status("PUT", "/address/aliases/bob@example.org/sources/sales@example.org") == 204
    assert await api.status("PUT", "/address/groups/sales@example.org/b@elsewhere.example") == 409
    assert await api.status("PUT", "/address/groups/team@example.org/b@elsewhere.example") == 204
    assert await api.status("PUT", "/address/aliases/bob@example.org/sources/team@example.org") == 409


async def test_forwards(api: Api) -> None:
    forward = "/address/forwards/bob@example.org"
    assert await api.ask("GET", "/address/forwards") == (200, [])
    assert (await api.ask("GET", forward))[1]["message"] == "The forward does not exist"
    assert await api.status("PUT", f"{forward}/targets/c@elsewhere.example") == 204
    assert await api.status("PUT", f"{forward}/targets/bob@example.org") == 204, "a copy for himself"
    targets = [{"mailAddress": "bob@example.org"}, {"mailAddress": "c@elsewhere.example"}]
    assert await api.ask("GET", forward) == (200, targets)
    assert await api.ask("GET", "/address/forwards") == (200, ["bob@example.org"])
    assert await api.status("PUT", "/address/forwards/nobody@example.org/targets/c@elsewhere.example") == 404
    for method in ("PUT", "DELETE"):
        assert await api.status(method, forward) == 400
        assert await api.status(method, f"{forward}/targets") == 400
    assert await api.status("PUT", f"{forward}/targets/@@") == 400
    for target in ("c@elsewhere.example", "bob@example.org"):
        assert await api.status("DELETE", f"{forward}/targets/{target}") == 204
    assert await api.status("GET", forward) == 404


async def test_domain_mappings(api: Api) -> None:
    assert await api.ask("GET", "/domainMappings") == (200, {})
    assert await api.status("GET", "/domainMappings/example.org") == 404
    for target in ("two.example", "one.example"):
        assert await api.status("PUT", "/domainMappings/example.org", data=target) == 204
    assert await api.ask("GET", "/domainMappings") == (200, {"example.org": ["one.example", "two.example"]})
    assert await api.ask("GET", "/domainMappings/example.org") == (200, ["one.example", "two.example"])
    assert await api.status("PUT", "/domainMappings/example.org", data="") == 400
    assert await api.status("PUT", "/domainMappings/example.org", data="example.org") == 400, "to itself"
    assert await api.status("PUT", "/domainMappings/unmanaged.example", data="one.example") == 400
    assert await api.status("DELETE", "/domainMappings/example.org", data="one.example") == 204
    assert await api.ask("GET", "/domainMappings/example.org") == (200, ["two.example"])


async def test_regular_expressions_and_addresses(api: Api) -> None:
    regex = "/mappings/regex/*@example.org/targets/(.*)-lists@example.org:${1}@lists.example"
    assert await api.status("POST", regex) == 204
    assert await api.status("POST", "/mappings/regex/*@example.org/targets/(((:x@lists.example") == 400
    address = "/mappings/address/sales@example.org/targets/b@elsewhere.example"
    assert await api.status("POST", address) == 204
    back = "/mappings/address/other@example.org/targets/sales@example.org"
    assert await api.status("POST", back) == 204
    assert await api.status("POST", "/mappings/address/sales@example.org/targets/other@example.org") == 409, "a loop"
    assert await api.ask("GET", "/mappings/user/sales@example.org") == (
        200,
        [{"type": "Address", "mapping": "b@elsewhere.example"}],
    )
    assert await api.ask("GET", "/mappings/sources/b@elsewhere.example?type=Address") == (200, ["sales@example.org"])
    assert await api.status("GET", "/mappings/sources/b@elsewhere.example") == 400
    assert await api.status("GET", "/mappings/sources/b@elsewhere.example?type=Other") == 400
    for path in (regex, back):
        assert await api.status("DELETE", path) == 204
    assert await api.ask("GET", "/mappings") == (
        200,
        {"sales@example.org": [{"type": "Address", "mapping": "b@elsewhere.example"}]},
    )
    assert await api.status("DELETE", "/mappings/sources/b@elsewhere.example?type=address") == 204
    assert await api.ask("GET", "/mappings") == (200, {})


async def test_the_table_goes_out_and_comes_in_again(api: Api) -> None:
    table = {
        "*@example.org": [{"type": "DomainAlias", "mapping": "one.example"}],
        "alias@example.org": [{"type": "Alias", "mapping": "bob@example.org"}],
        "bob@example.org": [{"type": "Forward", "mapping": "b@elsewhere.example"}],
        "gone@example.org": [{"type": "Error", "mapping": "550 moved away"}],
        "team@example.org": [
            {"type": "Group", "mapping": "b@elsewhere.example"},
            {"type": "Group", "mapping": "c@elsewhere.example"},
        ],
    }
    assert await api.status("PUT", "/mappings", json=table) == 204
    assert await api.ask("GET", "/mappings") == (200, table)
    assert await api.status("PUT", "/mappings", json=table) == 204, "again"
    wrong = {"new@example.org": [{"type": "Alias", "mapping": "bob@example.org"}], "x@example.org": [{"type": "Y"}]}
    assert await api.status("PUT", "/mappings", json=wrong) == 400
    assert await api.ask("GET", "/mappings/user/new@example.org") == (200, []), "a wrong document changes nothing"
