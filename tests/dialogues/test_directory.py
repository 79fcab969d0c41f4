"""A server whose users are in a directory (LDAP): logins, recipients, matchers, administration, and what happens while it is away."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from compostela.app.configuration.folder import load
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Problems, Severity
from compostela.core.health.checks import HealthStatus
from compostela.model.scram import ScramSecrets
from compostela.model.username import Username
from compostela.testing.conversation import Conversation, conversation
from compostela.testing.pipeline import mail_of, matcher
from compostela.testing.ports import free_port
from compostela.testing.server import Server, running
from tests.dialogues.authentication import b64, greet
from tests.dialogues.webadmin import WEBADMIN, Api
from tests.directory_server import STAFF, DirectoryServer, needs_slapd, running_directory

pytestmark = needs_slapd

HOSTING = "<enableVirtualHosting>true</enableVirtualHosting><algorithm>SHA-512/salted</algorithm>"
EVE = Username.parse("eve@example.org")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DirectoryServer]:
    with running_directory(tmp_path_factory.mktemp("directory")) as started:
        yield started


@contextlib.asynccontextmanager
async def serving(folder: Path, attributes: str, elements: str = HOSTING) -> AsyncIterator[Server]:
    files = {"usersrepository.xml": f"<usersrepository {attributes}>{elements}</usersrepository>"}
    async with running(folder, files=files, users={}, identity="relaxed") as server:
        yield server


async def login(c: Conversation, user: str, password: str = "secret", acting_for: str = "") -> str:
    await c.client(f"AUTH PLAIN {b64(chr(0).join((acting_for, user, password)).encode())}")
    return await c.line()


async def recipient(c: Conversation, address: str) -> str:
    await c.client("MAIL FROM:<>", f"RCPT TO:<{address}>", "RSET")
    await c.server("250 ")
    answer = await c.line()
    await c.server("250 ")
    return answer


async def test_its_users_log_in_and_get_mail(tmp_path: Path, directory: DirectoryServer) -> None:
    attributes = directory.attributes(resolveLocalPartAttribute="uid")
    async with serving(tmp_path, attributes) as server, conversation(server.ports["smtp"]) as c:
        assert await greet(c)
        assert (await recipient(c, "eve@example.org")).startswith("250 ")
        assert (await recipient(c, "nobody@example.org")).startswith("550 ")
        assert (await login(c, "eve@example.org", "wrong")).startswith("535 ")
        assert (await login(c, "eve")).startswith("235 ")
        async with conversation(server.ports["imap"]) as imap:
            await imap.until("* OK")
            await imap.client("a LOGIN eve@example.org secret", "b SELECT INBOX")
            await imap.until("b OK")


async def test_administrators_may_act_for_others(tmp_path: Path, directory: DirectoryServer) -> None:
    attributes = directory.attributes(administratorId="ann@example.org")
    async with serving(tmp_path, attributes) as server:
        for user, answer in (("ann@example.org", "235 "), ("bob@example.org", "535 ")):
            async with conversation(server.ports["smtp"]) as c:
                await greet(c)
                assert (await login(c, user, acting_for="eve@example.org")).startswith(answer)


async def test_a_users_password_from_before_the_directory_is_worth_nothing(
    tmp_path: Path, directory: DirectoryServer
) -> None:
    async with running(tmp_path, users={"eve@example.org": "earlier"}):
        pass
    async with serving(tmp_path, directory.attributes()) as server:
        users = server.under_test.services.users
        assert not await users.verify(EVE, "earlier")
        secrets = await users.scram_secrets(EVE.value)
        assert ScramSecrets.derive(b"earlier", secrets.salt, secrets.iterations) != secrets


async def test_webadmin_lists_and_verifies_and_says_what_cannot_be_done(
    tmp_path: Path, directory: DirectoryServer
) -> None:
    files = {
        "usersrepository.xml": f"<usersrepository {directory.attributes()}>{HOSTING}</usersrepository>",
        "webadmin.properties": WEBADMIN,
    }
    async with running(tmp_path, files=files, users={}) as server:
        await server.under_test.start_web()
        base = f"http://127.0.0.1:{server.under_test.web_port}"
        async with aiohttp.ClientSession(headers={"Password": "secret"}) as client:
            api = Api(client, base)
            status, listed = await api.ask("GET", "/users")
            assert (status, sorted(one["username"] for one in listed)) == (
                200, ["ann@example.org", "bob@example.org", "eve@example.org"],
            )  # fmt: skip
            assert await api.status("POST", "/users/eve@example.org/verify", {"password": "secret"}) == 204
            assert await api.status("HEAD", "/users/nobody@example.org") == 404
            for method, path in (("PUT", "/users/new@example.org"), ("PUT", "/users/eve@example.org?force")):
                status, said = await api.ask(method, path, {"password": "other"})
                assert status == 400
                assert "read-only" in str(said)
            assert await api.status("DELETE", "/users/eve@example.org") == 400


async def test_its_users_cannot_be_changed_here(tmp_path: Path, directory: DirectoryServer) -> None:
    async with serving(tmp_path, directory.attributes()) as server:
        users = server.under_test.services.users
        with pytest.raises(InvalidArgument, match="read-only"):
            await users.add(Username.parse("new@example.org"), "secret")
        with pytest.raises(InvalidArgument, match="read-only"):
            await users.set_password(EVE, "other")
        with pytest.raises(InvalidArgument, match="read-only"):
            await users.remove(EVE)


async def test_local_users_beside_it(tmp_path: Path, directory: DirectoryServer) -> None:
    elements = f"{HOSTING}<localUsers>true</localUsers>"
    async with serving(tmp_path, directory.attributes(), elements) as server:
        users, local = server.under_test.services.users, Username.parse("local@example.org")
        await users.add(local, "local-secret")
        assert await users.verify(local, "local-secret")
        assert await users.verify(EVE, "secret")
        assert sorted([str(user) async for user in users.names()]) == [
            f"{one}@example.org" for one in ("ann", "bob", "eve", "local")
        ]


async def test_mail_for_its_users_in_domains_that_are_not_ours_is_not_local(
    tmp_path: Path, directory: DirectoryServer
) -> None:
    attributes = directory.attributes(userBase="dc=example,dc=org")
    async with serving(tmp_path, attributes) as server:
        context = server.under_test.mailet_context
        mail = mail_of("A: b\r\n\r\n", None, "eve@example.org", "carl@example.net")
        assert [str(one) for one in await matcher("RecipientIsLocal", context).match(mail)] == ["eve@example.org"]


async def test_while_it_is_away_answers_are_temporary(tmp_path: Path) -> None:
    attributes = f'ldapHost="ldap://127.0.0.1:{free_port()}" userBase="dc=a" userIdAttribute="mail"'
    async with serving(tmp_path, attributes) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        assert (await recipient(c, "eve@example.org")).startswith("451 ")
        assert (await login(c, "eve@example.org")).startswith("451 ")
        (found,) = await server.under_test.health.run(["LDAP User Server"])
        assert found.status is HealthStatus.UNHEALTHY


async def test_it_is_healthy_while_it_answers(tmp_path: Path, directory: DirectoryServer) -> None:
    async with serving(tmp_path, directory.attributes()) as server:
        (found,) = await server.under_test.health.run(["LDAP User Server"])
        assert found.status is HealthStatus.HEALTHY


async def test_matchers_on_its_entries(tmp_path: Path, directory: DirectoryServer) -> None:
    async with serving(tmp_path, directory.attributes()) as server:
        context = server.under_test.mailet_context
        everybody = ("ann@example.org", "bob@example.org", "eve@example.org", "carl@example.net")

        async def matched(match: str, sender: str | None = None) -> list[str]:
            found = await matcher(match, context).match(mail_of("A: b\r\n\r\n", sender, *everybody))
            return [str(one).partition("@")[0] for one in found]

        cached = "?cacheEnabled=true&cacheSize=10&cacheDuration=1hour"
        assert await matched("HasLDAPAttribute=description") == ["ann"]
        assert await matched(f"HasLDAPAttribute=description:blocked{cached}") == ["ann"]
        assert await matched("HasLDAPAttribute=description:other") == []
        assert (
            await matched(f"IsInLDAPGroup={STAFF}") == await matched(f"IsInLDAPGroup={STAFF}{cached}") == ["ann", "bob"]
        )
        assert len(await matched("SenderHasLDAPAttribute=description", "ann@example.org")) == 4
        assert await matched("SenderHasLDAPAttribute=description", "bob@example.org") == []
        assert len(await matched(f"SenderIsInLDAPGroup={STAFF}", "bob@example.org")) == 4
        assert await matched(f"SenderIsInLDAPGroup={STAFF}", "eve@example.org") == []
        assert await matched(f"SenderIsInLDAPGroup={STAFF}") == []
        for wrong in ("HasLDAPAttribute", "IsInLDAPGroup=staff", "IsInLDAPGroup=", "HasLDAPAttribute=a?cacheSize=x", "HasLDAPAttribute=a?size=1"):  # fmt: skip
            with pytest.raises(InvalidArgument):
                matcher(wrong, context)


async def test_cached_answers_are_kept(tmp_path: Path) -> None:
    with running_directory(tmp_path) as own:
        async with serving(tmp_path, own.attributes()) as server:
            context = server.under_test.mailet_context
            cached = matcher("HasLDAPAttribute=description?cacheEnabled=true", context)
            mail = mail_of("A: b\r\n\r\n", None, "ann@example.org")
            assert await cached.match(mail)
            own.stop()
            assert await cached.match(mail)


async def test_without_a_directory_its_matchers_are_a_mistake(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        with pytest.raises(InvalidArgument, match="names no directory"):
            matcher("HasLDAPAttribute=a", server.under_test.mailet_context)


def test_scram_with_a_directory_is_warned_of(tmp_path: Path, directory: DirectoryServer) -> None:
    (tmp_path / "usersrepository.xml").write_text(f"<usersrepository {directory.attributes()}/>")
    (tmp_path / "imapserver.xml").write_text(
        "<imapservers><imapserver><bind>127.0.0.1:0</bind><auth><saslMechanisms>PLAIN,SCRAM-SHA-256</saslMechanisms></auth></imapserver></imapservers>"
    )
    problems = Problems()
    load(tmp_path, tmp_path / "data", problems)
    assert any("SCRAM" in str(one) for one in problems.of(Severity.WARNING)), problems.found
