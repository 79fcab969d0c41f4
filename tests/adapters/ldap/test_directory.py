"""Users in OpenLDAP's slapd."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compostela.adapters.ldap.directory import LdapDirectory
from compostela.app.configuration.files import Reader
from compostela.app.first_start import make_certificate
from compostela.base.errors import InvalidArgument, TemporaryFailure
from compostela.base.settings import Problems, Settings
from compostela.core.users.directory import ABSENT_SECONDS, PRESENT_SECONDS
from compostela.core.users.directory_settings import DirectorySettings
from compostela.core.users.settings import read_users_settings
from compostela.model.domain import Domain
from compostela.model.username import Username
from compostela.testing.clock import FakeClock
from compostela.testing.ports import free_port
from tests.contracts.directory import BOB, EVE, UserDirectoryContract
from tests.directory_server import (
    MANY,
    OTHERS,
    PARTNERS,
    PEOPLE,
    STAFF,
    DirectoryServer,
    entry,
    needs_slapd,
    running_directory,
)

pytestmark = needs_slapd

CARL = Username.parse("carl@example.net")
Make = Callable[..., LdapDirectory]
"""A directory of the server with these attributes of `usersrepository`, elements, and clock."""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    folder = tmp_path_factory.mktemp("keys")
    make_certificate(folder, "localhost")
    return (folder / "tls" / "key.pem").read_bytes(), (folder / "tls" / "certificate.pem").read_bytes()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, keys: tuple[bytes, bytes]) -> Iterator[DirectoryServer]:
    with running_directory(tmp_path_factory.mktemp("directory"), tls=keys) as running:
        yield running


def settings_of(text: str) -> DirectorySettings:
    problems = Problems()
    node = Reader(problems).parse("usersrepository.xml", text.encode())
    assert node is not None
    read = read_users_settings(Settings(node, problems))
    if problems.found:
        raise InvalidArgument("; ".join(map(str, problems.found)))
    assert read.directory is not None
    return read.directory


@pytest.fixture
def make(server: DirectoryServer) -> Iterator[Make]:
    made: list[LdapDirectory] = []

    def directory(elements: str = "", clock: FakeClock | None = None, **attributes: str) -> LdapDirectory:
        text = f"<usersrepository {server.attributes(**attributes)}>{elements}</usersrepository>"
        made.append(LdapDirectory(settings_of(text), clock or FakeClock()))
        return made[-1]

    yield directory
    for one in made:
        one.close()


class TestLdapDirectory(UserDirectoryContract):
    @pytest.fixture
    def directory(self, make: Make) -> LdapDirectory:
        return make()


async def test_a_login_without_a_domain_finds_the_users_own_name(make: Make) -> None:
    directory = make(resolveLocalPartAttribute="uid")
    assert await directory.authenticate(Username.parse("bob"), "secret") == BOB
    assert await directory.authenticate(BOB, "secret") == BOB
    assert not await directory.contains(Username.parse("bob"))
    assert await make().authenticate(Username.parse("bob"), "secret") is None


async def test_the_name_at_the_login_may_be_another_than_the_users(make: Make) -> None:
    directory = make(userIdAttribute="uid", usernameAttribute="mail")
    assert await directory.authenticate(Username.parse("bob"), "secret") == BOB
    assert await directory.contains(BOB)


async def test_users_without_domains(make: Make) -> None:
    directory = make(userIdAttribute="uid")
    assert await directory.authenticate(Username.parse("bob"), "secret") == Username.parse("bob")


async def test_a_domain_with_a_base_of_its_own(make: Make) -> None:
    elements = f"<domains><example.net>{PARTNERS}</example.net></domains>"
    directory = make(elements)
    assert await directory.authenticate(CARL, "secret") == CARL
    assert [user async for batch in directory.names(Domain("example.net")) for user in batch] == [CARL]
    assert not await make().contains(CARL)


async def test_only_members_of_the_groups_are_users(make: Make) -> None:
    directory = make(f"<restriction memberAttribute='member'><group>{STAFF}</group></restriction>")
    assert await directory.authenticate(EVE, "secret") is None
    assert not await directory.contains(EVE)
    assert await directory.authenticate(BOB, "secret") == BOB
    listed = [str(user) async for batch in directory.names() for user in batch]
    assert sorted(listed) == ["ann@example.org", "bob@example.org"]


async def test_only_entries_that_match_the_filter_are_users(make: Make) -> None:
    directory = make(filter="(!(description=blocked))")
    assert not await directory.contains(Username.parse("ann@example.org"))
    assert await directory.contains(BOB)


async def test_more_users_than_one_answer_has_are_listed_from_their_own_base(make: Make) -> None:
    directory = make(userListBase=OTHERS)
    assert len({user async for batch in directory.names() for user in batch}) == MANY
    assert await directory.contains(BOB)


async def test_existence_is_believed_for_a_while_and_a_password_is_not(make: Make, server: DirectoryServer) -> None:
    clock, new = FakeClock(), Username.parse("new@example.org")
    directory = make(clock=clock)
    assert not await directory.contains(new)
    server.change(entry("new", PEOPLE, "example.org"))
    assert not await directory.contains(new)
    clock.advance(ABSENT_SECONDS + 1)
    assert await directory.contains(new)
    assert await directory.authenticate(new, "secret") == new
    server.change(f"dn: uid=new,{PEOPLE}\nchangetype: delete\n")
    assert await directory.authenticate(new, "secret") is None
    assert await directory.contains(new)
    clock.advance(PRESENT_SECONDS + 1)
    assert not await directory.contains(new)


async def test_another_server_is_asked_when_the_first_is_away(make: Make, server: DirectoryServer) -> None:
    directory = make(ldapHost="", ldapHosts=f"ldap://127.0.0.1:{free_port()},{server.url}")
    assert await directory.authenticate(BOB, "secret") == BOB
    assert await directory.contains(BOB)


async def test_a_kept_connection_that_the_server_has_ended_is_made_anew(tmp_path: Path) -> None:
    with running_directory(tmp_path) as own:
        directory = LdapDirectory(settings_of(f"<usersrepository {own.attributes()}/>"), clock := FakeClock())
        assert await directory.contains(BOB)
        own.stop()
        clock.advance(PRESENT_SECONDS + 1)
        with pytest.raises(TemporaryFailure, match="does not answer"):
            await directory.contains(BOB)
        with pytest.raises(TemporaryFailure):
            await directory.authenticate(BOB, "secret")
        with pytest.raises(TemporaryFailure):
            await directory.probe()
        own.start()
        assert await directory.contains(BOB)
        directory.close()


async def test_a_server_that_says_nothing_is_away_after_the_time_limit(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        directory = make(ldapHost=f"ldap://127.0.0.1:{silent.getsockname()[1]}", readTimeout="50")
        with pytest.raises(TemporaryFailure):
            await directory.contains(BOB)


async def test_many_questions_at_once_are_answered_on_few_connections(make: Make) -> None:
    directory = make(poolSize="2", maxWaitTime="60000")
    users = [Username.parse(f"user{number}@example.org") for number in range(40)]
    logins = [directory.authenticate(BOB, "secret" if number % 2 else "wrong") for number in range(20)]
    found = await asyncio.gather(*(directory.contains(user) for user in users), *logins)
    assert found == [False] * 40 + [None, BOB] * 10


async def test_too_many_questions_are_refused_at_once(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        directory = make(
            ldapHost=f"ldap://127.0.0.1:{silent.getsockname()[1]}", poolSize="1", maxWaitTime="1", readTimeout="3000"
        )
        users = [Username.parse(f"user{number}@example.org") for number in range(40)]
        asked = await asyncio.gather(*(directory.contains(user) for user in users), return_exceptions=True)
    assert {type(one) for one in asked} == {TemporaryFailure}
    assert sum("too many questions" in str(one) for one in asked) >= 20


async def test_certificates_are_checked_unless_all_are_trusted(make: Make, server: DirectoryServer) -> None:
    with pytest.raises(TemporaryFailure):
        await make(ldapHost=server.tls_url).contains(BOB)
    directory = make(ldapHost=server.tls_url, trustAllCerts="true")
    assert await directory.authenticate(BOB, "secret") == BOB


async def test_a_wrong_principal_is_no_wrong_password(make: Make) -> None:
    directory = make(credentials="wrong")
    with pytest.raises(TemporaryFailure, match="invalidCredentials"):
        await directory.authenticate(BOB, "secret")


@pytest.mark.parametrize(
    ("attributes", "elements", "problem"),
    [
        ({"filter": "(a=b"}, "", "no filter"),
        ({"userBase": "people"}, "", "no distinguished name"),
        ({"userBase": ""}, "", "needs 'userBase'"),
        ({"userIdAttribute": ""}, "", "needs 'userIdAttribute'"),
        ({"ldapHost": ""}, "", "needs 'ldapHost'"),
        ({"ldapHost": "ldap.example.org"}, "", "no URL"),
        ({"ldapHost": "ldap://a:99999"}, "", "ldapHosts"),
        ({"poolSize": "0"}, "", "at least 1"),
        ({}, "<restriction memberAttribute='member'/>", "needs a <group>"),
        ({}, "<domains><a..b>x=y</a..b></domains>", "domain"),
        ({"userbase": "x"}, "", "did you mean 'userBase'"),
    ],
)
def test_mistakes_are_found_at_start(make: Make, attributes: dict[str, str], elements: str, problem: str) -> None:
    with pytest.raises(InvalidArgument, match=problem):
        make(elements, **attributes)
