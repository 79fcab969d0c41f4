"""clamd and rspamd, started on loopback for a test."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from compostela.testing.ports import free_port
from tests.programs import needs

needs_clamd = needs("clamd")
needs_rspamd = needs("rspamd")
HOST = "127.0.0.1"
START_SECONDS = 240.0
VIRUS = b"a text that only our own signature calls a virus"
SIGNATURE = "Test-Signature"
SPAM = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
"""The text that every spam filter takes for spam (GTUBE)."""
_CLAMD = """Foreground yes
TCPSocket {port}
TCPAddr 127.0.0.1
DatabaseDirectory {folder}/db
TemporaryDirectory {folder}
{user}
MaxThreads 2
StreamMaxLength 2M
"""
_OFF = (
    "rbl",
    "surbl",
    "fuzzy_check",
    "phishing",
    "asn",
    "dmarc",
    "spf",
    "dkim",
    "mx_check",
    "neural",
    "redis",
    "classifier-bayes",
)
_RSPAMD = {
    "options.inc": 'pidfile = false;\ndisable_hyperscan = true;\ndns { nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }\n',
    "worker-normal.inc": 'bind_socket = "127.0.0.1:{port}";\ncount = 1;\n',
    "worker-controller.inc": "enabled = false;\n",
    "worker-proxy.inc": "enabled = false;\n",
    "worker-fuzzy.inc": "enabled = false;\n",
    "logging.inc": 'type = "console";\nlevel = "notice";\n',
    **{f"{name}.conf": "enabled = false;\n" for name in _OFF},
}


@contextlib.asynccontextmanager
async def clamd(folder: Path) -> AsyncIterator[int]:
    """Its port. It knows one signature, that of `VIRUS`, and takes messages of 2 MB at most."""
    port = free_port()
    (folder / "db").mkdir()
    (folder / "db" / "own.ndb").write_text(f"{SIGNATURE}:0:*:{VIRUS.hex()}\n")
    user = "User nobody" if os.geteuid() == 0 else ""
    (folder / "clamd.conf").write_text(_CLAMD.format(port=port, folder=folder, user=user))
    async with _running(["clamd", "-F", "-c", str(folder / "clamd.conf")], folder, port):
        yield port


@contextlib.asynccontextmanager
async def rspamd(folder: Path) -> AsyncIterator[int]:
    """The port of its normal worker. It makes no requests to the network."""
    port = free_port()
    for name, text in _RSPAMD.items():
        path = folder / "local.d" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace("{port}", str(port)))
    places = {"CONFDIR": "/etc/rspamd", "LOCAL_CONFDIR": folder, "DBDIR": folder, "RUNDIR": folder, "LOGDIR": folder}
    variables = [one for name, value in places.items() for one in ("--var", f"{name}={value}")]
    user = ["-u", "nobody", "-g", "nogroup"] if os.geteuid() == 0 else []
    command = ["rspamd", "-f", *user, "-c", "/etc/rspamd/rspamd.conf", *variables]
    async with _running(command, folder, port):
        yield port


@contextlib.asynccontextmanager
async def _running(command: Sequence[str], folder: Path, port: int) -> AsyncIterator[None]:
    if os.geteuid() == 0:
        # its user must get through to the folder
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, "nobody", "nogroup")
        for parent in folder.parents[:-2]:
            parent.chmod(parent.stat().st_mode | 0o011)
    with (folder / "daemon.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await _answers(port):
                    assert process.returncode is None, (folder / "daemon.log").read_text()
                    await asyncio.sleep(0.05)
            yield
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
