"""The two systems that are measured, looked at in the same way. Same users, same password scheme, same messages."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Protocol

import apsw
from tests.server_process import ServerProcess

from bench import processes, smtp_load
from bench.peers import Peer
from compostela.adapters.embedded.database import DATABASE_NAME

PASSWORD = "secret"
USERS = [f"user{number}@example.org" for number in range(20)]
LISTED = "lister@example.org"
"""Has one mailbox of ten thousand messages."""
_FILL = Path(__file__).with_name("fill.py")


class System(Protocol):
    """What a measure needs to know."""

    name: str
    smtp: int
    imap: int
    imaps: int

    def pids(self) -> list[int]:
        """All processes."""
        ...

    def queued(self) -> int:
        """Mails that are accepted and not delivered."""
        ...

    def fill(self, user: str, count: int, size: int) -> None:
        """Puts messages into an INBOX by the shortest way."""
        ...

    def stop(self) -> None: ...


class Ours:
    """Compostela as `compostela serve` starts it."""

    name = "Compostela"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="compostela-bench-"))
        self.server = ServerProcess(self.folder)
        self.smtp, self.imap, self.imaps = self.server.smtp, self.server.imap, self.server.imaps

    def start(self) -> None:
        self.server.start()

    def prepare(self) -> None:
        """Users, once the administration is up."""
        self.server.wait_for_web()
        for user in [*USERS, LISTED]:
            self.server.add_user(user, PASSWORD)
        self._database = apsw.Connection(str(self.server.data / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READONLY)

    def pids(self) -> list[int]:
        assert self.server.process is not None
        return processes.family(self.server.process.pid)

    def queued(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM queue_entry").get)

    def fill(self, user: str, count: int, size: int) -> None:
        subprocess.run([sys.executable, str(_FILL), str(self.server.data), user, str(count), str(size)], check=True)

    def stop(self) -> None:
        self._database.close()
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Theirs:
    """Postfix and Dovecot."""

    name = "Postfix + Dovecot"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="compostela-peer-"))
        salt = os.urandom(8)
        digest = base64.b64encode(hashlib.sha512(PASSWORD.encode() + salt).digest() + salt).decode()
        self.peer = Peer(self.folder, f"{{SSHA512}}{digest}")
        self.smtp, self.imap, self.imaps = self.peer.smtp, self.peer.imap, self.peer.imaps
        self.peer.start()

    def pids(self) -> list[int]:
        return self.peer.pids()

    def queued(self) -> int:
        return self.peer.queued()

    def fill(self, user: str, count: int, size: int) -> None:
        """A maildir is filled by putting files into it."""
        home = self.folder / "mail" / user
        for name in ("cur", "new", "tmp"):
            (home / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (home / "cur" / f"1795000000.{number}.bench:2,").write_bytes(smtp_load.message(size, number)[:-3])
        subprocess.run(["chown", "-R", "mail:mail", str(home)], check=True)

    def stop(self) -> None:
        self.peer.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
