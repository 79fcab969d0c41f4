"""Logins by Kerberos tickets over SMTP and IMAP (RFC 4752)."""

import base64
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import ANN, BOB, Server
from tests.dialogues.authentication import SMTP, b64, greet, serving
from tests.dialogues.login_clients import MAIL, msmtp, run
from tests.kerberos_realm import Initiator, KerberosRealm, needs_kerberos, running_realm
from tests.programs import needs

pytestmark = needs_kerberos

NO_LAYER = b"\x01\0\0\0"
TLS = ("--tls=on", "--tls-starttls=on", "--tls-certcheck=off")


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KerberosRealm]:
    with running_realm(tmp_path_factory.mktemp("realm")) as running:
        yield running


@contextlib.asynccontextmanager
async def kerberized(folder: Path, realm: KerberosRealm, *, ssl: bool = False, more: str = "") -> AsyncIterator[Server]:
    smtp = SMTP.replace("AUTH", realm.element("smtp")).replace("<auth>", f"{more}<auth>")
    async with serving(folder, realm.element("imap"), smtp, ssl=ssl) as server:
        yield server


async def offered(c: Conversation, initiator: Initiator, command: str = "AUTH GSSAPI") -> None:
    """Up to the server's offer of security layers, which is checked."""
    await c.client(f"{command} {b64(initiator.token())}")
    token = base64.b64decode((await c.server("334 ")).removeprefix("334 "))
    assert initiator.token(token) == b""
    await c.client("")
    offer = base64.b64decode((await c.server("334 ")).removeprefix("334 "))
    assert initiator.unwrap(offer) == NO_LAYER


async def answer(c: Conversation, realm: KerberosRealm, user: str, chosen: bytes) -> str:
    initiator = Initiator(realm, user, "smtp/localhost")
    await offered(c, initiator)
    await c.client(b64(initiator.wrap(chosen)))
    return await c.line()


async def test_it_is_there_with_its_element_and_under_tls(tmp_path: Path, realm: KerberosRealm) -> None:
    async with kerberized(tmp_path, realm, ssl=True) as server, conversation(server.ports["smtp"]) as c:
        assert await greet(c) == []
        await c.client("AUTH GSSAPI", "STARTTLS")
        await c.server("538 5.7.11", "220 ")
        await c.start_tls()
        await c.client("EHLO client.example")
        assert any(line.endswith("AUTH LOGIN PLAIN GSSAPI") for line in await c.until("250 "))
        assert (await answer(c, realm, "bob", NO_LAYER)).startswith("235 2.7.0")


async def test_over_imap(tmp_path: Path, realm: KerberosRealm) -> None:
    initiator = Initiator(realm, "bob", "imap/localhost")
    async with kerberized(tmp_path, realm) as server, conversation(server.ports["imap"]) as c:
        assert "AUTH=GSSAPI" in await c.server("* OK [CAPABILITY ")
        await c.client("a1 AUTHENTICATE GSSAPI")
        await c.server("+ ")
        await c.client(b64(initiator.token()))
        initiator.token(base64.b64decode((await c.server("+ ")).removeprefix("+ ")))
        await c.client("")
        assert initiator.unwrap(base64.b64decode((await c.server("+ ")).removeprefix("+ "))) == NO_LAYER
        await c.client(b64(initiator.wrap(NO_LAYER + b"bob")), 'a2 STATUS "INBOX" (MESSAGES)')
        await c.until("a1 OK")
        await c.until("a2 OK")


async def test_only_users_in_the_realms_own_writing_log_in(tmp_path: Path, realm: KerberosRealm) -> None:
    async with kerberized(tmp_path, realm) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        for user in ("nobody", "Bob", "bob/admin"):
            assert (await answer(c, realm, user, NO_LAYER)).startswith("535 5.7.8")
        assert (await answer(c, realm, "bob", NO_LAYER)).startswith("235 2.7.0")


async def test_acting_for_another(tmp_path: Path, realm: KerberosRealm) -> None:
    async with kerberized(tmp_path, realm) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        assert (await answer(c, realm, "bob", NO_LAYER + b"ann")).startswith("535 5.7.8 Delegation is forbidden.")
        await server.store.delegations.allow(ANN, BOB)
        assert (await answer(c, realm, "bob", NO_LAYER + b"ann@example.org")).startswith("235 ")
        await c.client("MAIL FROM:<ann@example.org>")
        await c.server("250 2.1.0")


@pytest.mark.parametrize(
    "chosen",
    [b"\x02\0\0\0", b"\x04\0\x10\0", b"\0\0\0\0", b"\x01\0", b"", NO_LAYER + b"\xff"],
    ids=["integrity", "confidentiality", "none", "cut", "nothing", "no UTF-8"],
)
async def test_other_choices_of_a_layer(tmp_path: Path, realm: KerberosRealm, chosen: bytes) -> None:
    async with kerberized(tmp_path, realm) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        assert (await answer(c, realm, "bob", chosen)).startswith("501 5.5.2")
        await c.client("RSET")
        await c.server("250 2.0.0")


async def test_a_client_that_tells_how_much_it_could_take_chooses_no_layer(
    tmp_path: Path, realm: KerberosRealm
) -> None:
    async with kerberized(tmp_path, realm) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        assert (await answer(c, realm, "bob", b"\x01\xff\xff\xffbob")).startswith("235 ")


async def test_what_is_changed_or_repeated_on_the_way_is_refused(tmp_path: Path, realm: KerberosRealm) -> None:
    async with kerberized(tmp_path, realm) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        initiator = Initiator(realm, "bob", "smtp/localhost")
        await offered(c, initiator)
        wrapped = initiator.wrap(NO_LAYER + b"bob").replace(b"bob", b"ann")
        await c.client(b64(wrapped))
        await c.server("535 5.7.8")
        token = Initiator(realm, "bob", "smtp/localhost").token()
        await c.client(f"AUTH GSSAPI {b64(token)}", "*", f"AUTH GSSAPI {b64(token)}")
        await c.server("334 ", "501 ", "535 5.7.8")


@pytest.mark.parametrize("octets", [b"x", b"NTLMSSP\0", b"\x60\x84\xff\xff\xff\xff", b"\0" * 4000])
async def test_what_is_no_ticket(tmp_path: Path, realm: KerberosRealm, octets: bytes) -> None:
    async with kerberized(tmp_path, realm) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client(f"AUTH GSSAPI {b64(octets)}", "RSET")
        await c.server("535 5.7.8", "250 2.0.0")


async def test_a_token_behind_the_last_one_is_no_answer(tmp_path: Path, realm: KerberosRealm) -> None:
    async with kerberized(tmp_path, realm) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        token = Initiator(realm, "bob", "smtp/localhost").token()
        await c.client(f"AUTH GSSAPI {b64(token)}", b64(b"more"), "RSET")
        await c.server("334 ", "501 5.5.2", "250 2.0.0")


@pytest.mark.parametrize(
    ("element", "answer"),
    [("", "500 5.5.2"), ("<maxLineLength>65536</maxLineLength>", "535 5.7.8")],
    ids=["default", "longer lines"],
)
async def test_large_tickets_need_long_lines(tmp_path: Path, realm: KerberosRealm, element: str, answer: str) -> None:
    async with kerberized(tmp_path, realm, more=element) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client(f"AUTH GSSAPI {b64(bytes(40_000))}")
        await c.server(answer)


@needs("msmtp", "curl")
async def test_real_clients(tmp_path: Path, realm: KerberosRealm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5CCNAME", str(realm.tickets("bob")))
    (tmp_path / "mail").write_bytes(MAIL)
    curl = (
        "curl",
        "--silent",
        "--insecure",
        "--ssl-reqd",
        "--user",
        "bob@example.org:",
        "--login-options",
        "AUTH=GSSAPI",
    )
    async with kerberized(tmp_path, realm, ssl=True) as server:
        assert await msmtp(server.ports["smtp"], "gssapi", "--host=localhost", *TLS) == 0
        assert await run(*curl, f"imap://localhost:{server.ports['imap']}") == 0
        mail = (
            "--mail-from",
            "bob@example.org",
            "--mail-rcpt",
            "bob@example.org",
            "--upload-file",
            str(tmp_path / "mail"),
        )
        assert await run(*curl, f"smtp://localhost:{server.ports['smtp']}", *mail) == 0
        monkeypatch.setenv("KRB5CCNAME", str(realm.tickets("nobody")))
        assert await msmtp(server.ports["smtp"], "gssapi", "--host=localhost", *TLS) != 0
        assert await run(*curl, f"imap://localhost:{server.ports['imap']}") != 0
