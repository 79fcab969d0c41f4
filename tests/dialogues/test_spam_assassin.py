"""SpamAssassinHandler at the wire, with the real spamd where it is installed."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from compostela.core.mail.model import Mail
from compostela.core.repository.ports import RepositoryUrl
from compostela.testing.conversation import Conversation, conversation
from compostela.testing.ports import free_port
from compostela.testing.server import Server, running
from compostela.testing.waiting import eventually
from tests.dialogues.hooks import NETWORK, send
from tests.filter_servers import scanner_saying

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
HAM = ("From: ann@sender.example", "To: bob@example.org", "Subject: lunch", "", "At noon?")
SPAM = (*HAM[:-1], GTUBE)
KEEP = '<mailet match="All" class="ToRepository"><repositoryPath>var/mail/kept/</repositoryPath></mailet>'
BEGIN = '<processor state="transport">'
RULES = Path("/usr/share/spamassassin")
START_SECONDS = 60.0


@pytest.fixture(scope="session")
def spamd() -> Iterator[int]:
    """The port of a spamd with the packaged rules and local tests only."""
    program = shutil.which("spamd") or shutil.which("spamd", path="/usr/sbin")
    if program is None or not RULES.is_dir():
        pytest.skip("SpamAssassin's spamd is not installed")
    with tempfile.TemporaryDirectory() as name:
        home, site = Path(name, "home"), Path(name, "site")
        site.mkdir()
        home.mkdir()
        Path(site, "init.pre").write_text("loadplugin Mail::SpamAssassin::Plugin::Check\n")
        Path(site, "local.cf").write_text("use_bayes 0\nuse_auto_whitelist 0\n")
        identity = []
        if os.geteuid() == 0:
            # it serves no request as root
            Path(name).chmod(0o755)
            shutil.chown(home, "nobody", "nogroup")
            identity = ["--username=nobody", "--groupname=nogroup"]
        port = free_port()
        options = [
            f"--listen=127.0.0.1:{port}", "--allowed-ips=127.0.0.1", "--local", "--nouser-config", "--syslog=stderr",
            "--max-children=2", "--min-children=1", f"--helper-home-dir={home}", f"--siteconfigpath={site}",
            f"--configpath={RULES}", *identity,
        ]  # fmt: skip
        with (
            open(Path(name, "log"), "wb") as log,
            subprocess.Popen([program, *options], stdout=log, stderr=log) as process,
        ):
            try:
                asyncio.run(_ready(port, process))
                yield port
            finally:
                process.terminate()


async def _ready(port: int, process: "subprocess.Popen[bytes]") -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            assert process.poll() is None, "spamd has ended"
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"PING SPAMC/1.5\r\n\r\n")
                pong = await reader.read(-1)
                writer.close()
                if b"PONG" in pong:
                    return
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def scanning(
    folder: Path, port: int, parameters: str = "", **options: str
) -> AsyncIterator[tuple[Server, Conversation]]:
    container = files("compostela.app.configuration").joinpath("defaults", "mailetcontainer.xml").read_text()
    handler = (
        '<handler class="org.apache.james.smtpserver.fastfail.SpamAssassinHandler"><spamdHost>127.0.0.1</spamdHost>'
        f"<spamdPort>{port}</spamdPort>{parameters}</handler>"
    )
    async with (
        running(
            folder, handlers=handler, identity="disabled", container=container.replace(BEGIN, BEGIN + KEEP), **options
        ) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await c.server("220 ")
        await c.client("EHLO client.example")
        await c.until("250 ")
        yield server, c


async def kept(server: Server) -> Mail:
    async def first() -> Mail | None:
        repository = await server.store.repositories.find(RepositoryUrl("embedded", "var/mail/kept"))
        keys = [key async for key in repository.keys()] if repository is not None else []  # noqa: SIM118 - no dictionary
        return await repository.retrieve(keys[0]) if repository is not None and keys else None

    return await eventually(first)


async def test_spam_is_refused_and_other_mail_goes_on_with_its_score(tmp_path: Path, spamd: int) -> None:
    async with scanning(tmp_path, spamd, "<spamdRejectionHits>15.0</spamdRejectionHits>") as (server, c):
        assert (await send(c, *SPAM)).startswith("554 5.7.0 This message reaches the spam hits threshold.")
        assert (await send(c, *HAM)).startswith("250 2.6.0")
        mail = await kept(server)
        assert str(mail.attributes["org.apache.james.spamassassin.status"]).startswith("No, hits=")
        assert mail.attributes["org.apache.james.spamassassin.flag"] == "NO"


async def test_without_a_threshold_spam_is_marked_only(tmp_path: Path, spamd: int) -> None:
    async with scanning(tmp_path, spamd) as (server, c):
        assert (await send(c, *SPAM)).startswith("250 2.6.0")
        mail = await kept(server)
        assert str(mail.attributes["org.apache.james.spamassassin.status"]).startswith("Yes, hits=10")
        assert mail.attributes["org.apache.james.spamassassin.flag"] == "YES"


@pytest.mark.parametrize(
    "answer", [None, b"", b"SPAMD/1.0 75 EX_TEMPFAIL\r\n\r\n"], ids=["silent", "closed", "failing"]
)
async def test_a_scanner_that_does_not_do_its_work_stops_no_mail(tmp_path: Path, answer: bytes | None) -> None:
    limit = "<timeout>50 ms</timeout>" if answer is None else ""
    async with scanner_saying(answer) as (port, _), scanning(tmp_path, port, limit) as (server, c):
        assert (await send(c, *HAM)).startswith("250 2.6.0")
        assert "org.apache.james.spamassassin.flag" not in (await kept(server)).attributes


async def test_large_messages_are_not_looked_at(tmp_path: Path) -> None:
    async with scanner_saying(b"") as (port, callers), scanning(tmp_path, port, "<maxSize>4</maxSize>") as (_, c):
        assert (await send(c, *HAM, *["x" * 100] * 50)).startswith("250 2.6.0")
        assert (await send(c, *HAM)).startswith("250 2.6.0")
        assert len(callers) == 1


@pytest.mark.parametrize(("parameter", "calls"), [("", 1), ("<checkAuthNetworks>false</checkAuthNetworks>", 0)])
async def test_who_may_relay_is_looked_at_unless_told_otherwise(tmp_path: Path, parameter: str, calls: int) -> None:
    async with scanner_saying(b"") as (port, callers), scanning(tmp_path, port, parameter, elements=NETWORK) as (_, c):
        assert (await send(c, *HAM)).startswith("250 2.6.0")
        assert len(callers) == calls
