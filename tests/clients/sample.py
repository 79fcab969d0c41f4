"""The server with the sample configuration as it is, but for its ports (other servers of this machine may use those of the sample) and,
in the distributed edition, the addresses of the engines."""

import contextlib
import imaplib
import re
import shutil
import smtplib
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from compostela.testing.ports import free_port
from tests.server_process import TOKEN, ServerProcess

SAMPLE = Path(__file__).parents[2] / "conf"
DISTRIBUTED_SAMPLE = Path(__file__).parents[2] / "conf-distributed"
ADDRESS = "${env:COMPOSTELA_ADDRESS:-127.0.0.1}"
"""As the sample of the distributed edition has it."""
HOST = "localhost"
PASSWORD = "a secret"
FOREIGN = "someone@foreign.example"
WAIT_SECONDS = 30.0


@dataclass
class SampleServer(ServerProcess):
    """`smtp` takes mail from other servers; users send on `submission` (STARTTLS) and `submissions` (TLS from the start)."""

    submission: int = field(default_factory=free_port)
    submissions: int = field(default_factory=free_port)
    engine_files: Mapping[str, str] = field(default_factory=dict)
    """In place of those of the distributed sample. Without any it is the embedded edition."""

    def __post_init__(self) -> None:
        shutil.copytree(DISTRIBUTED_SAMPLE if self.engine_files else SAMPLE, self.conf)
        for name, text in self.engine_files.items():
            (self.conf / name).write_text(text)
        ports = {
            1025: self.smtp, 1587: self.submission, 1465: self.submissions, 1024: self.lmtp, 1143: self.imap,
            1993: self.imaps, 1110: self.pop3, 1995: self.pop3s, 4190: self.managesieve,
        }  # fmt: skip
        for path in self.conf.glob("*.xml"):
            text = path.read_text().replace(ADDRESS, "127.0.0.1")
            path.write_text(re.sub(r"127\.0\.0\.1:(\d+)", lambda found: f"127.0.0.1:{ports[int(found[1])]}", text))
        path = self.conf / "webadmin.properties"
        path.write_text(path.read_text().replace("port = 8000", f"port = {self.web}") + f"password = {TOKEN}\n")

    @property
    def certificate(self) -> Path:
        """The self-signed certificate that the first start made."""
        return self.data / "tls" / "certificate.pem"

    @property
    def trusting(self) -> ssl.SSLContext:
        """For clients in Python that trust this certificate."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def mechanisms(self, user: str) -> set[str]:
        """Those with which the user has logged in, by the server's log."""
        return set(re.findall(rf"login succeeded method=(\S+) .*\buser={re.escape(user)}$", self.log(), re.MULTILINE))

    def deliver(self, user: str, subject: str) -> None:
        """A mail from another server, which the user can read when this returns."""
        before = self._count(user)
        with smtplib.SMTP("127.0.0.1", self.smtp, timeout=WAIT_SECONDS) as smtp:
            text = f"From: {FOREIGN}\r\nTo: {user}\r\nSubject: {subject}\r\n\r\nText.\r\n"
            smtp.sendmail(FOREIGN, [user], text)
        self._wait(user, before + 1)

    def read(self, user: str, count: int) -> list[bytes]:
        """The messages of INBOX, as soon as there are `count`."""
        self._wait(user, count)
        with self._session(user) as imap:
            imap.select(readonly=True)
            _, data = imap.fetch("1:*", "(BODY.PEEK[])")
            return [part[1] for part in data if isinstance(part, tuple)]

    def _wait(self, user: str, count: int) -> None:
        end = time.monotonic() + WAIT_SECONDS
        while (found := self._count(user)) < count:
            assert time.monotonic() < end, f"{found} of {count} messages have come: {self.log()[-2000:]}"
            time.sleep(0.05)

    def _count(self, user: str) -> int:
        with self._session(user) as imap:
            return int(imap.select(readonly=True)[1][0] or 0)

    @contextlib.contextmanager
    def _session(self, user: str) -> Iterator[imaplib.IMAP4]:
        with imaplib.IMAP4_SSL(HOST, self.imaps, ssl_context=self.trusting, timeout=WAIT_SECONDS) as imap:
            imap.login(user, PASSWORD)
            yield imap
