"""POP3 at the wire: capabilities, TLS and logins (RFC 2449, RFC 2595, RFC 5034, RFC 6856)."""

import base64
import contextlib
from pathlib import Path

import pytest

from compostela.net.pop3.server import LoginDelays
from compostela.testing.clock import FakeClock
from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import ANN, BOB
from tests.dialogues.crowdsec import BAN, NOTHING
from tests.dialogues.login_hooks import BEFORE, far
from tests.dialogues.pop3_server import MESSAGE, POP3, b64, deliver, greeted, logged_in, multiline, serving
from tests.filter_servers import local_api
from tests.unit.protocols.sasl import final

PLAIN = b64(b"\0bob@example.org\0secret")
QUICK = {"authentication.properties": "failures.limit=4\ndelay.first=1ms\n"}
ALWAYS = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "UTF8 USER"]


async def capabilities(c: Conversation) -> list[str]:
    await c.client("CAPA")
    return await multiline(c)


async def test_capabilities_depend_on_the_channel(tmp_path: Path) -> None:
    told = ["EXPIRE 60", "LOGIN-DELAY 900", "IMPLEMENTATION Compostela"]
    elements = "<expire>60</expire><loginDelay>900</loginDelay>"
    async with serving(tmp_path, ssl=True, elements=elements) as server, greeted(server) as c:
        assert await capabilities(c) == [*ALWAYS, "STLS", *told]
        await c.client("STLS")
        await c.server("+OK Begin TLS negotiation")
        await c.start_tls()
        over_tls = [*ALWAYS, "SASL PLAIN SCRAM-SHA-256", "USER", *told]
        assert await capabilities(c) == over_tls
        await c.client("STLS", "AUTH")
        await c.server("-ERR TLS is active already.")
        assert await multiline(c) == ["PLAIN", "SCRAM-SHA-256"]
        await c.client(f"AUTH PLAIN {PLAIN}")
        await c.server("+OK Welcome bob@example.org")
        assert await capabilities(c) == over_tls


async def test_no_password_is_taken_without_tls(tmp_path: Path) -> None:
    async with serving(tmp_path, ssl=True) as server, greeted(server) as c:
        await c.client("USER bob@example.org", "PASS secret", f"AUTH PLAIN {PLAIN}", "AUTH X", "STAT")
        await c.server("-ERR Authentication requires TLS.", "-ERR Command not valid in this state.")
        await c.server("-ERR Authentication requires TLS.", "-ERR Unsupported authentication mechanism.", "-ERR ")


@pytest.mark.parametrize("injected", [b"CAPA\r\n", b"x", b"\r\n"])
async def test_nothing_may_be_sent_with_stls(tmp_path: Path, injected: bytes) -> None:
    async with serving(tmp_path) as server, greeted(server) as c:
        await c.octets(b"STLS\r\n" + injected)
        await c.server("-ERR STLS must be the last command before the handshake.")
        await c.reset()


async def test_a_handshake_begins_the_session_anew(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, greeted(server) as c:
        await c.client("USER bob@example.org", "STLS")
        await c.server("+OK ", "+OK ")
        await c.start_tls()
        await c.client("PASS secret", "USER bob@example.org", "PASS secret")
        await c.server("-ERR Command not valid in this state.", "+OK ", "+OK ")


async def test_without_a_tls_block_there_is_no_stls(tmp_path: Path) -> None:
    plain = POP3.format(tls="", ssl="false", auth="", elements="")
    async with serving(tmp_path, files={"pop3server.xml": plain}) as server, greeted(server) as c:
        assert "STLS" not in await capabilities(c)
        await c.client("STLS")
        await c.server("-ERR TLS is not available.")


async def test_plain_in_one_step_and_in_two(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        async with greeted(server) as c:
            await c.client(f"auth plain {PLAIN}", "STAT")
            await c.server("+OK Welcome bob@example.org", "+OK 0 0")
        async with greeted(server) as c:
            await c.client("AUTH PLAIN", "*", "AUTH PLAIN", "no base64", "AUTH PLAIN =", "AUTH PLAIN", PLAIN)
            await c.server("+ ", "-ERR Authentication aborted.", "+ ", "-ERR Invalid AUTH request.")
            await c.server("-ERR Invalid AUTH request.", "+ ", "+OK Welcome bob@example.org")


async def test_scram(tmp_path: Path) -> None:
    first = "n=bob@example.org,r=clientnonce"
    async with serving(tmp_path) as server:
        for password, answer in ((b"wrong", "-ERR [AUTH] Authentication failed."), (b"secret", "+OK Welcome bob@")):
            async with greeted(server) as c:
                await c.client(f"AUTH SCRAM-SHA-256 {b64(('n,,' + first).encode())}")
                challenge = base64.b64decode((await c.line()).removeprefix("+ "))
                await c.client(b64(final(first, "n,,", b"", challenge, password)))
                line = await c.line()
                if line.startswith("+ "):
                    await c.client("")
                    line = await c.line()
                assert line.startswith(answer)


async def test_delegation(tmp_path: Path) -> None:
    as_ann = b64(b"ann@example.org\0bob@example.org\0secret")
    async with serving(tmp_path) as server:
        await deliver(server, MESSAGE, user=ANN)
        async with greeted(server) as c:
            await c.client(f"AUTH PLAIN {as_ann}")
            await c.server("-ERR [AUTH] Delegation is forbidden.")
            await server.store.delegations.allow(ANN, BOB)
            await c.client(f"AUTH PLAIN {as_ann}", "STAT")
            await c.server("+OK Welcome ann@example.org", f"+OK 1 {len(MESSAGE)}")


async def test_wrong_passwords_end_the_session_and_shut_the_address_out(tmp_path: Path) -> None:
    async with serving(tmp_path, files=QUICK) as server:
        async with greeted(server) as c:
            for number in range(3):
                await c.client("USER bob@example.org", f"PASS wrong{number}")
                await c.server("+OK ", "-ERR [AUTH] Authentication failed.")
            await c.closed()
        async with greeted(server) as c:
            await c.client("USER nobody@example.org", "PASS x", "USER bob@example.org", "PASS secret")
            await c.server(
                "+OK ", "-ERR [AUTH] Authentication failed.", "+OK ", "-ERR [SYS/TEMP] Too many failed logins"
            )


async def test_names_and_passwords_in_utf8(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, users={"jörg@example.org": "pässwort mit Leerzeichen"}) as server,
        greeted(server) as c,
    ):
        await c.client("UTF8", "USER jörg@example.org", "PASS pässwort mit Leerzeichen", "UTF8")
        await c.server("+OK UTF-8 mode is on.", "+OK ", "+OK Welcome jörg@example.org", "-ERR Command not valid")


async def test_replies_are_ascii_until_the_client_takes_utf8(tmp_path: Path) -> None:
    async with serving(tmp_path, users={"jörg@example.org": "secret"}) as server, greeted(server) as c:
        await c.client("USER jörg@example.org", "PASS secret")
        await c.server("+OK ")
        assert await c.server("+OK Welcome") == "+OK Welcome"


async def test_names_that_are_no_utf8_are_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, greeted(server) as c:
        await c.octets(b"USER j\xf6rg@example.org\r\nPASS \xff\r\n")
        await c.server("+OK ", "-ERR [AUTH] Authentication failed.")


async def test_internationalised_headers_only_for_those_who_take_them(tmp_path: Path) -> None:
    message = "From: Jörg <jörg@example.org>\r\nSubject: Grüße\r\n\r\nTöne\r\n".encode()
    async with serving(tmp_path) as server:
        await deliver(server, message, b"Subject: caf\xe9\r\n\r\n")
        async with logged_in(server) as c:
            await c.client("RETR 1", "TOP 2 0")
            sent = await multiline(c)
            assert "".join(sent[:3]).isascii()
            assert sent[-2:] == ["", "Töne"]
            assert await multiline(c) == ["Subject: caf\ufffd", ""]
        async with greeted(server) as c:
            await c.client("UTF8", f"AUTH PLAIN {PLAIN}", "RETR 1")
            await c.server("+OK ", "+OK ")
            assert "\r\n".join([*await multiline(c), ""]) == message.decode()


async def test_a_second_login_within_the_delay_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, elements="<loginDelay>900</loginDelay>") as server:
        async with logged_in(server) as c:
            await c.client("QUIT")
            await c.server("+OK ")
        for _ in range(2):
            async with greeted(server) as c:
                await c.client("USER bob@example.org", "PASS secret", "STAT")
                await c.server("+OK ", "-ERR [LOGIN-DELAY] Too little time since the last login.", "-ERR ")
        async with logged_in(server, "ann@example.org"):
            pass


def test_a_login_is_taken_again_when_the_delay_is_over() -> None:
    clock = FakeClock()
    delays = LoginDelays(clock)
    assert [delays.admit(user, 60) for user in (BOB, BOB, ANN)] == [True, False, True]
    clock.advance(59)
    assert not delays.admit(BOB, 60)
    clock.advance(1)
    assert delays.admit(BOB, 60)
    assert delays.admit(BOB, 0)


async def test_who_has_read_mail_may_relay_for_a_time(tmp_path: Path) -> None:
    async with serving(tmp_path, handlers=BEFORE.format("")) as server:
        async with conversation(server.ports["smtp"]) as c:
            assert (await far(c)).startswith("530 5.7.0")
        async with logged_in(server), conversation(server.ports["smtp"]) as c:
            assert (await far(c)).startswith("250 2.1.5")


@pytest.mark.parametrize(("answer", "greeting"), [(BAN, "-ERR Your address is banned."), (NOTHING, "+OK ")])
async def test_crowdsec_is_asked_before_the_greeting(tmp_path: Path, answer: bytes, greeting: str) -> None:
    check = '<handlerchain><handler class="org.apache.james.crowdsec.CrowdsecPOP3CheckHandler"/></handlerchain>'
    async with local_api(answer) as api:
        files = {"crowdsec.properties": f"crowdsecUrl={api.url}\napiKey=x\ntimeout=1 min\n"}
        async with serving(tmp_path, elements=check, files=files) as server, conversation(server.ports["pop3"]) as c:
            await c.server(greeting)
            if answer is BAN:
                await c.closed()
            else:
                await c.client("QUIT")
                await c.server("+OK ")


async def test_the_address_of_a_proxy_header_counts(tmp_path: Path) -> None:
    elements = "<proxyRequired>true</proxyRequired><connectionLimitPerIP>1</connectionLimitPerIP>"
    async with serving(tmp_path, elements=elements) as server, contextlib.AsyncExitStack() as stack:
        for address, answer in (("192.0.2.1", "+OK "), ("192.0.2.1", "-ERR [SYS/TEMP]"), ("192.0.2.2", "+OK ")):
            c = await stack.enter_async_context(conversation(server.ports["pop3"]))
            await c.octets(f"PROXY TCP4 {address} 10.0.0.1 4711 110\r\n".encode())
            await c.server(answer)
