"""The recipient rewrite table: where mail goes, and which users may send as which addresses."""

from pathlib import Path

import pytest

from compostela.base.errors import AlreadyExists, InvalidArgument
from compostela.core.rewriting import resolution
from compostela.core.rewriting.model import Mapping, MappingType
from compostela.core.rewriting.resolution import MappingError
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.rewriting.settings import RewritingSettings, read_rewriting_settings
from compostela.core.users.settings import UsersSettings
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from tests.unit.core.accounts import QUICK, Accounts, element, reader, source_of

ADDRESS, ALIAS, FORWARD, GROUP = MappingType.ADDRESS, MappingType.ALIAS, MappingType.FORWARD, MappingType.GROUP
DOMAIN, DOMAIN_ALIAS, REGEX, ERROR = (
    MappingType.DOMAIN, MappingType.DOMAIN_ALIAS, MappingType.REGEX, MappingType.ERROR,
)  # fmt: skip


async def put(accounts: Accounts, source: str, kind: MappingType, text: str) -> None:
    """Past the rules, as another node or an old table may have it."""
    await accounts.store.rewriting.add(source_of(source), Mapping(kind, text))


async def test_without_mappings_an_address_stays(accounts: Accounts) -> None:
    assert await accounts.resolved("bob@example.org") == (set(), set())


async def test_each_kind_of_mapping(accounts: Accounts) -> None:
    await accounts.map("alias@example.org", ALIAS, "Bob@example.org")
    await accounts.map("plain@example.org", ADDRESS, "bob@elsewhere.example")
    await accounts.map("list@example.org", GROUP, "one@example.org")
    await accounts.map("list@example.org", GROUP, "two@elsewhere.example")
    await accounts.map("away@example.org", FORWARD, "me@elsewhere.example")
    await accounts.map("sales-emea@example.org", REGEX, "(.*)-(.*)@(.*):${1}@${2}.example.com")
    await accounts.map("example.net", DOMAIN, "example.org")
    assert await accounts.resolved("ALIAS@example.org") == ({"bob@example.org"}, set())
    assert await accounts.resolved("plain@example.org") == ({"bob@elsewhere.example"}, set())
    assert await accounts.resolved("list@example.org") == ({"one@example.org", "two@elsewhere.example"}, set())
    assert await accounts.resolved("away@example.org") == (set(), {"me@elsewhere.example"})
    assert await accounts.resolved("sales-emea@example.org") == ({"sales@emea.example.com"}, set())
    assert await accounts.resolved("Any.One@example.net") == ({"Any.One@example.org"}, set())
    assert await accounts.resolved("alias@example.net") == ({"bob@example.org"}, set())


async def test_an_error_mapping_refuses(accounts: Accounts) -> None:
    await accounts.map("gone@example.org", ERROR, "550 He has left")
    await accounts.map("old@example.org", ALIAS, "gone@example.org")
    for recipient in ("gone@example.org", "old@example.org"):
        with pytest.raises(MappingError, match="550 He has left"):
            await accounts.resolved(recipient)


async def test_entries_of_the_address_hide_those_of_its_domain(accounts: Accounts) -> None:
    await accounts.map("example.net", DOMAIN, "example.org")
    await accounts.map("bob@example.net", ADDRESS, "carol@elsewhere.example")
    assert await accounts.resolved("bob@example.net") == ({"carol@elsewhere.example"}, set())


async def test_a_forward_to_oneself_keeps_a_copy(accounts: Accounts) -> None:
    await accounts.map("bob@example.org", FORWARD, "bob@example.org")
    await accounts.map("bob@example.org", FORWARD, "bob@elsewhere.example")
    await accounts.map("alias@example.org", ALIAS, "bob@example.org")
    expected = ({"bob@example.org"}, {"bob@elsewhere.example"})
    assert await accounts.resolved("bob@example.org") == expected
    assert await accounts.resolved("alias@example.org") == expected


async def test_a_forward_is_followed_and_stays_a_forward(accounts: Accounts) -> None:
    await accounts.map("bob@example.org", FORWARD, "alias@example.org")
    await accounts.map("alias@example.org", ALIAS, "carol@example.org")
    assert await accounts.resolved("bob@example.org") == (set(), {"carol@example.org"})


async def test_any_other_mapping_to_oneself_ends_the_level(accounts: Accounts) -> None:
    await put(accounts, "bob@example.org", ADDRESS, "bob@example.org")
    await put(accounts, "bob@example.org", ALIAS, "carol@example.org")
    assert await accounts.resolved("bob@example.org") == (set(), set())
    await put(accounts, "alias@example.org", ALIAS, "bob@example.org")
    assert await accounts.resolved("alias@example.org") == ({"bob@example.org"}, set())


async def test_loops_end_in_an_error(accounts: Accounts) -> None:
    await put(accounts, "a@example.org", ALIAS, "b@example.org")
    await put(accounts, "b@example.org", ALIAS, "a@example.org")
    with pytest.raises(MappingError, match="554 Too many mappings to process"):
        await accounts.resolved("a@example.org")


async def test_loops_that_fan_out_end_too(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolution, "MAX_STEPS", 1000)
    names = [f"{n}@example.org" for n in range(4)]
    await put(accounts, "self@example.org", FORWARD, "self@example.org")
    for name in names:
        for other in names:
            if other != name:
                await put(accounts, name, GROUP, other)
    with pytest.raises(MappingError, match="554 Too many"):
        await accounts.resolved(names[0])


async def test_mappings_are_followed_to_the_limit(accounts: Accounts) -> None:
    for n in range(11):
        await put(accounts, f"{n}@example.org", ALIAS, f"{n + 1}@example.org")
    assert await accounts.resolved("1@example.org") == ({"11@example.org"}, set())
    with pytest.raises(MappingError):
        await accounts.resolved("0@example.org")


async def test_without_recursion_one_level_is_followed(tmp_path: Path) -> None:
    accounts = await Accounts.open(tmp_path, rewriting=RewritingSettings(recursive=False))
    await accounts.map("a@example.org", ALIAS, "b@example.org")
    await accounts.map("b@example.org", ALIAS, "c@example.org")
    assert await accounts.resolved("a@example.org") == ({"b@example.org"}, set())
    await accounts.close()


async def test_a_regular_expression_that_does_not_match_is_passed_over(accounts: Accounts) -> None:
    await put(accounts, "example.org", REGEX, "x-(.*)@.*:${1}@example.net")
    assert await accounts.resolved("bob@example.org") == (set(), set())
    assert await accounts.resolved("x-bob@example.org") == ({"bob@example.net"}, set())


@pytest.mark.parametrize("text", ["(.*)@.*:${2}@example.net", "(.*)@.*:no address", "(:${1}@example.net"])
async def test_a_wrong_regular_expression_is_an_error_of_the_address(accounts: Accounts, text: str) -> None:
    await put(accounts, "example.org", REGEX, text)
    with pytest.raises(MappingError, match="554"):
        await accounts.resolved("bob@example.org")


async def test_writing_is_checked(accounts: Accounts) -> None:
    await accounts.user("bob@example.org")
    for source, kind, text in [
        ("x@elsewhere.example", ALIAS, "bob@example.org"),
        ("x@example.org", ALIAS, "x@example.org"),
        ("x@example.org", ALIAS, "no address"),
        ("example.org", DOMAIN_ALIAS, "example.org"),
        ("elsewhere.example", DOMAIN_ALIAS, "example.org"),
        ("example.org", DOMAIN, "no@domain"),
        ("x@example.org", REGEX, "(:x@example.org"),
        ("x@example.org", REGEX, "no template"),
    ]:
        with pytest.raises(InvalidArgument):
            await accounts.map(source, kind, text)
    for kind in (ALIAS, GROUP):
        with pytest.raises(AlreadyExists):
            await accounts.map("bob@example.org", kind, "carol@example.org")
    assert [entry async for entry in accounts.rewriting.all()] == []


async def test_loops_are_refused_when_written(accounts: Accounts) -> None:
    assert await accounts.map("a@example.org", ALIAS, "b@example.org")
    assert not await accounts.map("a@example.org", ALIAS, "b@example.org")
    with pytest.raises(AlreadyExists):
        await accounts.map("b@example.org", ALIAS, "a@example.org")
    assert await accounts.resolved("a@example.org") == ({"b@example.org"}, set())
    await accounts.map("postmaster@example.org", ALIAS, "bob@elsewhere.example")
    await accounts.map("example.org", DOMAIN_ALIAS, "example.net")
    with pytest.raises(AlreadyExists):
        await accounts.map("example.net", DOMAIN, "example.org")


async def test_send_as(accounts: Accounts) -> None:
    bob = await accounts.user("bob@example.org")
    await accounts.map("info@example.org", ALIAS, "bob@example.org")
    await accounts.map("hello@example.net", ALIAS, "info@example.org")
    await accounts.map("list@example.org", GROUP, "bob@example.org")
    await accounts.map("example.net", DOMAIN_ALIAS, "example.org")
    assert {str(address) for address in await accounts.rewriting.addresses_of(bob)} == {
        "bob@example.org", "info@example.org", "hello@example.net", "bob@example.net", "info@example.net",
    }  # fmt: skip
    for sender, allowed in [
        ("BOB@example.org", True), ("info@example.net", True), ("list@example.org", False), ("eve@example.org", False),
    ]:  # fmt: skip
        assert await accounts.rewriting.can_send_as(bob, MailAddress.parse(sender)) is allowed


async def test_send_as_without_virtual_hosting(tmp_path: Path) -> None:
    accounts = await Accounts.open(tmp_path, UsersSettings(virtual_hosting=False, algorithm=QUICK))
    bob = await accounts.user("bob")
    await accounts.map("info@example.org", ALIAS, "bob@example.net")
    for sender, allowed in [
        ("bob@example.org", True), ("BOB@example.net", True), ("info@example.org", True), ("bob@elsewhere.example", False),
        ("info@example.net", False), ("eve@example.org", False),
    ]:  # fmt: skip
        assert await accounts.rewriting.can_send_as(bob, MailAddress.parse(sender)) is allowed, sender
    await accounts.close()


def test_settings() -> None:
    settings, problems = reader(element("recursiveMapping", "true"), element("mappingLimit", "0"))
    read_rewriting_settings(settings)
    assert len(problems.found) == 1
    settings, problems = reader(element("recursiveMapping", "false"), element("mappingLimit", "7"))
    assert read_rewriting_settings(settings) == RewritingSettings(recursive=False, mapping_limit=7)
    assert problems.found == []


async def with_postmaster(folder: Path, postmaster: str) -> Accounts:
    accounts = await Accounts.open(folder)
    accounts.rewriting = RecipientRewriteTable(
        accounts.store.rewriting, accounts.domains, accounts.users, RewritingSettings(), MailAddress.parse(postmaster)
    )
    return accounts


@pytest.mark.parametrize("role", ["postmaster", "Abuse"])
async def test_role_addresses_of_every_managed_domain_reach_the_postmaster(tmp_path: Path, role: str) -> None:
    """RFC 5321 §4.5.1."""
    accounts = await with_postmaster(tmp_path, "root@example.org")
    try:
        assert await accounts.resolved(f"{role}@example.net") == ({"root@example.org"}, set())
        assert await accounts.resolved(f"{role}@elsewhere.example") == (set(), set())
        await accounts.map("root@example.org", ALIAS, "ann@example.org")
        assert await accounts.resolved(f"{role}@example.net") == ({"ann@example.org"}, set())
        await accounts.map("example.net", DOMAIN_ALIAS, "example.org")
        assert await accounts.resolved(f"{role}@example.net") == ({"ann@example.org"}, set())
        await accounts.map(f"{role}@example.org", GROUP, "bob@example.org")
        assert await accounts.resolved(f"{role}@example.net") == ({"bob@example.org"}, set())
    finally:
        await accounts.close()


async def test_a_user_who_has_a_role_address_keeps_it(tmp_path: Path) -> None:
    accounts = await with_postmaster(tmp_path, "root@example.org")
    try:
        await accounts.user("postmaster@example.net")
        assert await accounts.resolved("postmaster@example.net") == (set(), set())
    finally:
        await accounts.close()


@pytest.mark.parametrize("kind", [ALIAS, GROUP, FORWARD])
async def test_no_user_takes_an_address_whose_mail_goes_elsewhere(accounts: Accounts, kind: MappingType) -> None:
    await put(accounts, "sales@example.org", kind, "alice@example.org")
    with pytest.raises(AlreadyExists, match=rf"sales@example.org goes to alice@example.org \({kind.name.lower()}\)"):
        await accounts.rewriting.check_free(Username.parse("sales@example.org"))
    await accounts.rewriting.check_free(Username.parse("alice@example.org"))
