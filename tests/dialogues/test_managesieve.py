"""ManageSieve at the wire (RFC 5804)."""

import base64
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import Server, running
from tests.dialogues.crowdsec import BAN, NOTHING
from tests.dialogues.managesieve import MANAGESIEVE
from tests.filter_servers import local_api

PLAIN = base64.b64encode(b"\0bob@example.org\0secret").decode()
WRONG = base64.b64encode(b"\0bob@example.org\0wrong").decode()
KEEP = "keep;\r\n"


@contextlib.asynccontextmanager
async def session(
    folder: Path, *, ssl: bool = False, others: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Conversation, Server]]:
    """After the greeting. `others` are further files of the configuration."""
    files = {"managesieveserver.xml": MANAGESIEVE.format(ssl=str(ssl).lower()), **(others or {})}
    async with running(folder, files=files) as server, conversation(server.ports["sieve"]) as c:
        greeting = await c.until("OK")
        assert '"IMPLEMENTATION" "Compostela"' in greeting
        yield c, server


async def log_in(c: Conversation) -> None:
    await c.client(f'AUTHENTICATE "PLAIN" "{PLAIN}"')
    await c.server("OK")


async def test_scripts_are_kept_listed_and_removed(tmp_path: Path) -> None:
    async with session(tmp_path) as (c, _):
        await c.client("LISTSCRIPTS")
        await c.server("NO")
        await log_in(c)
        await c.client("CAPABILITY")
        assert '"OWNER" "bob@example.org"' in await c.until("OK")
        await c.client('HAVESPACE "first" 100', 'HAVESPACE "first" 99999999')
        await c.server("OK", "NO (QUOTA/MAXSIZE)")
        await c.client(
            f'PUTSCRIPT "first" {{{len(KEEP)}+}}', KEEP, 'SETACTIVE "first"', "LISTSCRIPTS", 'GETSCRIPT "first"'
        )
        await c.server("OK", "OK", '"first" ACTIVE', "OK", f"{{{len(KEEP)}}}", "keep;", "", "OK")
        await c.client('DELETESCRIPT "first"', 'RENAMESCRIPT "first" "second"', 'SETACTIVE ""', 'DELETESCRIPT "second"')
        await c.server("NO (ACTIVE)", "OK", "OK", "OK")
        await c.client('GETSCRIPT "second"', 'RENAMESCRIPT "second" "first"', 'SETACTIVE "second"', "LISTSCRIPTS")
        await c.server("NO (NONEXISTENT)", "NO (NONEXISTENT)", "NO (NONEXISTENT)", "OK")
        await c.client('NOOP "x"', "LOGOUT")
        await c.server('OK (TAG "x")', "OK")
        await c.closed()


async def test_a_script_is_checked_before_it_is_stored(tmp_path: Path) -> None:
    async with session(tmp_path) as (c, _):
        await log_in(c)
        await c.client('PUTSCRIPT "bad" "nonsense;"', "LISTSCRIPTS", 'CHECKSCRIPT "nonsense;"', 'CHECKSCRIPT "keep;"')
        await c.server('NO "Syntax Error: line 1, column 1: ', "OK", "NO", "OK")


async def test_a_script_that_is_too_large_is_refused_and_the_session_goes_on(tmp_path: Path) -> None:
    async with session(tmp_path) as (c, _):
        await log_in(c)
        await c.client('PUTSCRIPT "large" {300000+}')
        await c.octets(b"#" * 300_000 + b"\r\n")
        await c.client("NOOP")
        await c.server("NO (QUOTA/MAXSIZE)", "OK")


async def test_passwords_need_tls_and_starttls_tells_the_capabilities_anew(tmp_path: Path) -> None:
    async with session(tmp_path, ssl=True) as (c, _):
        await c.client(f'AUTHENTICATE "PLAIN" "{PLAIN}"', "STARTTLS")
        await c.server("NO (ENCRYPT-NEEDED)", "OK")
        await c.start_tls()
        told = await c.until("OK")
        assert '"STARTTLS"' not in told
        assert '"SASL" "PLAIN SCRAM-SHA-256"' in told
        await log_in(c)


async def test_nothing_from_before_the_handshake_counts(tmp_path: Path) -> None:
    async with session(tmp_path) as (c, _):
        await c.client("STARTTLS", "NOOP")
        await c.server("BYE")
        await c.closed()


async def test_logins_fail_are_cancelled_and_are_given_up(tmp_path: Path) -> None:
    async with session(tmp_path) as (c, _):
        await c.client('AUTHENTICATE "PLAIN"')
        await c.server('""')
        await c.client('"*"')
        await c.server("NO")
        await c.client('AUTHENTICATE "NONE"')
        await c.server('NO "Unknown SASL mechanism"')
        await log_in(c)
        await c.client("UNAUTHENTICATE", "LISTSCRIPTS")
        await c.server("OK", "NO")
        for _ in range(3):
            await c.client(f'AUTHENTICATE "PLAIN" "{WRONG}"')
            await c.server('NO "Authentication failed')
        await c.server("BYE")
        await c.closed()


async def test_a_challenge_takes_no_command(tmp_path: Path) -> None:
    async with session(tmp_path) as (c, _):
        await c.client('AUTHENTICATE "SCRAM-SHA-256"')
        await c.server('""')
        await c.client("LISTSCRIPTS")
        await c.server("NO")
        await log_in(c)


async def test_another_type_of_channel_binding_is_refused_and_the_session_goes_on(tmp_path: Path) -> None:
    plus = "SCRAM-SHA-256-PLUS"
    files = {"managesieveserver.xml": MANAGESIEVE.format(ssl="true").replace("SCRAM-SHA-256", plus)}
    async with running(tmp_path, files=files) as server, conversation(server.ports["sieve"]) as c:
        await c.until("OK")
        await c.client("STARTTLS")
        await c.server("OK")
        await c.start_tls()
        await c.until("OK")
        first = base64.b64encode(b"p=tls-unique,,n=bob@example.org,r=clientnonce").decode()
        await c.client(f'AUTHENTICATE "{plus}" "{first}"')
        await c.server('NO "unsupported-channel-binding-type"')
        await log_in(c)


async def test_faults_in_a_row_end_the_session(tmp_path: Path) -> None:
    async with session(tmp_path) as (c, _):
        await c.client(*["NONSENSE"] * 21)
        assert len(await c.until("BYE")) == 22
        await c.closed()


async def test_the_engine_tells_warnings(tmp_path: Path) -> None:
    async with session(tmp_path) as (c, _):
        await log_in(c)
        script = 'require "fileinto"; stop; keep;'
        await c.client(f"CHECKSCRIPT {{{len(script)}+}}", script)
        await c.server("OK (WARNINGS)")


async def test_the_elements_of_james_are_taken_and_others_are_reported(tmp_path: Path) -> None:
    given = MANAGESIEVE.format(ssl="false").replace(
        "<auth>",
        "<maxmessagesize>0</maxmessagesize><addressBracketsEnforcement>true</addressBracketsEnforcement><auth>",
    )
    async with running(tmp_path, files={"managesieveserver.xml": given}) as server:
        assert server.ports["sieve"]
    with pytest.raises(AssertionError, match="authh"):
        async with running(tmp_path, files={"managesieveserver.xml": given.replace("auth>", "authh>")}):
            pass


async def test_the_limits_of_scripts_are_settings(tmp_path: Path) -> None:
    limits = "script.size = 20\nscripts.max = 1\nrun.redirects = 3\n"
    async with session(tmp_path, others={"sieve.properties": limits}) as (c, _):
        await log_in(c)
        await c.client("CAPABILITY")
        assert '"MAXREDIRECTS" "3"' in await c.until("OK")
        await c.client('HAVESPACE "one" 21', 'HAVESPACE "one" 20', f'PUTSCRIPT "one" {{{len(KEEP)}+}}', KEEP)
        await c.server("NO (QUOTA/MAXSIZE)", "OK", "OK")
        await c.client('HAVESPACE "two" 1', f'PUTSCRIPT "two" {{{len(KEEP)}+}}', KEEP)
        await c.server("NO (QUOTA/MAXSCRIPTS)", "NO (QUOTA/MAXSCRIPTS)")
        await c.client('PUTSCRIPT "one" {21+}', "# 3456789 1234567890")
        await c.server("NO (QUOTA/MAXSIZE)")


async def test_lists_are_told_with_their_schemes(tmp_path: Path) -> None:
    async with session(tmp_path) as (c, _):
        await c.client("CAPABILITY")
        assert '"EXTLISTS" "urn:ietf:params:sieve:addrbook tag"' in await c.until("OK")


@pytest.mark.parametrize(
    ("answer", "greeting"), [(BAN, 'BYE "Your address is banned."'), (NOTHING, '"IMPLEMENTATION"')]
)
async def test_crowdsec_is_asked_before_the_greeting(tmp_path: Path, answer: bytes, greeting: str) -> None:
    check = '<handlerchain><handler class="CrowdsecManageSieveCheckHandler"/></handlerchain>'
    async with local_api(answer) as api:
        files = {
            "managesieveserver.xml": MANAGESIEVE.format(ssl="false").replace("<auth>", f"{check}<auth>"),
            "crowdsec.properties": f"crowdsecUrl={api.url}\napiKey=x\ntimeout=1 min\n",
        }
        async with running(tmp_path, files=files) as server, conversation(server.ports["sieve"]) as c:
            await c.server(greeting)
            if answer is BAN:
                await c.closed()
            else:
                await c.until("OK")
