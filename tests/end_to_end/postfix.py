"""Postfix as a sending peer: takes mail by SMTP on loopback and hands it on to one relay."""

import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from compostela.testing.ports import free_port
from tests.programs import needs

WAIT_SECONDS = 30.0

_MAIN = """compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.example
mydestination =
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{relay}
smtpd_peername_lookup = no
disable_dns_lookups = yes
alias_maps =
alias_database =
local_recipient_maps =
minimal_backoff_time = 1s
{more}
"""

_MASTER = """127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


needs_postfix = needs("postfix", as_root=True)


@dataclass(frozen=True)
class Postfix:
    """A running one. `port` takes mail for anybody."""

    folder: Path
    port: int

    def waiting(self) -> list[dict[str, object]]:
        """The entries of its queue, from `postqueue -j`."""
        done = self._run("postqueue", "-c", str(self.folder / "conf"), "-j")
        return [json.loads(line) for line in done.splitlines()]

    def wait_until_deferred(self, recipients: int) -> list[str]:
        """The reasons, once so many recipients wait for another try."""
        end = time.monotonic() + WAIT_SECONDS
        while True:
            waiting = self.waiting()
            reasons = [
                str(recipient["delay_reason"])
                for mail in waiting
                if mail["queue_name"] == "deferred"
                for recipient in mail["recipients"]  # type: ignore[attr-defined]
            ]
            if len(reasons) == recipients:
                return reasons
            assert time.monotonic() < end, f"{waiting}\n{self.log()}"
            time.sleep(0.05)

    def wait_until_empty(self) -> None:
        end = time.monotonic() + WAIT_SECONDS
        while self.waiting():
            assert time.monotonic() < end, self.log()
            time.sleep(0.05)

    def try_again(self) -> None:
        self._run("postqueue", "-c", str(self.folder / "conf"), "-f")

    def log(self) -> str:
        return (self.folder / "postfix.log").read_text()[-4000:]

    @staticmethod
    def _run(*command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=WAIT_SECONDS).stdout


@contextlib.contextmanager
def running_postfix(relay: int, *more: str) -> Iterator[Postfix]:
    """`more` are lines of main.cf."""
    # not below pytest's folder, which Postfix's own user may not enter
    folder = Path(tempfile.mkdtemp(prefix="postfix-"))
    folder.chmod(0o755)
    port = free_port()
    for name in ("conf", "queue", "data"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    (folder / "conf" / "main.cf").write_text(_MAIN.format(folder=folder, relay=relay, more="\n".join(more)))
    (folder / "conf" / "master.cf").write_text(_MASTER.format(port=port))
    postfix = ["postfix", "-c", str(folder / "conf")]
    try:
        subprocess.run([*postfix, "start"], check=True, capture_output=True, timeout=WAIT_SECONDS)
        yield Postfix(folder, port)
    finally:
        subprocess.run([*postfix, "stop"], check=False, capture_output=True, timeout=WAIT_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)
