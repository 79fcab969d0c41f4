"""The server as its own process, started as an operator would, on free ports."""

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from compostela.testing.ports import free_port
from tests.forked_programs import ForkedProcess, origin

START_SECONDS = 60.0
TLS = (
    "<tls socketTLS='{implicit}' startTLS='{starttls}'><privateKey>file://var/tls/key.pem</privateKey>"
    "<certificates>file://var/tls/certificate.pem</certificates></tls>"
)
SMTP_SERVER = """<smtpserver><jmxName>{name}</jmxName><bind>127.0.0.1:{port}</bind>
<helloName autodetect="false">mail.example.org</helloName>{tls}<auth><announce>always</announce><requireSSL>{ssl}</requireSSL>
<saslMechanisms>PLAIN,LOGIN,SCRAM-SHA-256,SCRAM-SHA-256-PLUS</saslMechanisms></auth>{elements}<verifyIdentity>{identity}</verifyIdentity><maxmessagesize>50M</maxmessagesize>
<handlerchain><handler class="ValidRcptHandler"/></handlerchain></smtpserver>"""
IMAP_SERVER = """<imapserver><jmxName>{name}</jmxName><bind>127.0.0.1:{port}</bind>
<helloName autodetect="false">mail.example.org</helloName>{tls}<auth><requireSSL>{ssl}</requireSSL>
<saslMechanisms>PLAIN,SCRAM-SHA-256</saslMechanisms></auth></imapserver>"""
POP3_SERVER = """<pop3server><jmxName>{name}</jmxName><bind>127.0.0.1:{port}</bind>
<helloName autodetect="false">mail.example.org</helloName>{tls}<auth><requireSSL>{ssl}</requireSSL>
<saslMechanisms>PLAIN,SCRAM-SHA-256,SCRAM-SHA-256-PLUS</saslMechanisms></auth></pop3server>"""
MANAGESIEVE_SERVER = """<managesieveservers><managesieveserver><jmxName>managesieve</jmxName><bind>127.0.0.1:{port}</bind>{tls}
<auth><requireSSL>true</requireSSL><saslMechanisms>PLAIN,SCRAM-SHA-256</saslMechanisms></auth></managesieveserver></managesieveservers>"""
LMTP_SERVER = """<lmtpservers><lmtpserver><jmxName>lmtp</jmxName><bind>127.0.0.1:{port}</bind>
<helloName autodetect="false">mail.example.org</helloName></lmtpserver></lmtpservers>"""
DOMAINS = "<domainlist><defaultDomain>example.org</defaultDomain></domainlist>"
USERS = "<usersrepository><enableVirtualHosting>true</enableVirtualHosting><algorithm>SHA-512/salted</algorithm></usersrepository>"
TOKEN = "token-of-tests"


@dataclass
class ServerProcess:
    """Configuration, data and process. Plain and TLS ports of SMTP, IMAP and POP3, one of SMTP behind a proxy, LMTP, ManageSieve;
    passwords are taken without TLS too."""

    folder: Path
    smtp: int = field(default_factory=free_port)
    smtps: int = field(default_factory=free_port)
    proxied: int = field(default_factory=free_port)
    lmtp: int = field(default_factory=free_port)
    imap: int = field(default_factory=free_port)
    imaps: int = field(default_factory=free_port)
    pop3: int = field(default_factory=free_port)
    pop3s: int = field(default_factory=free_port)
    managesieve: int = field(default_factory=free_port)
    web: int = field(default_factory=free_port)
    public: int = field(default_factory=free_port)
    python: str = sys.executable
    """The interpreter, of another checkout's environment if that is measured."""
    awaited: tuple[str, ...] = ("smtp", "imap", "pop3")
    """The ports that are open once the server has started."""
    workers: int = 1
    """Worker processes; with more than one there is a supervisor."""
    is_forked: bool = field(default_factory=lambda: "PYTEST_CURRENT_TEST" in os.environ)
    """See `tests.forked_programs`. Measurements start a new interpreter."""
    process: "subprocess.Popen[bytes] | ForkedProcess | None" = None

    def __post_init__(self) -> None:
        self.conf.mkdir(parents=True, exist_ok=True)
        starttls = TLS.format(implicit="false", starttls="true")
        implicit = TLS.format(implicit="true", starttls="false")
        relaxed = {"tls": starttls, "ssl": "false", "identity": "relaxed"}
        proxied = "<proxyRequired>true</proxyRequired>"
        smtp = [
            SMTP_SERVER.format(name="smtp", port=self.smtp, elements="", **relaxed),
            SMTP_SERVER.format(name="proxied", port=self.proxied, elements=proxied, **relaxed),
            SMTP_SERVER.format(name="smtps", port=self.smtps, elements="", tls=implicit, ssl="true", identity="strict"),
        ]
        imap = [
            IMAP_SERVER.format(name="imap", port=self.imap, tls=starttls, ssl="false"),
            IMAP_SERVER.format(name="imaps", port=self.imaps, tls=implicit, ssl="true"),
        ]
        pop3 = [
            POP3_SERVER.format(name="pop3", port=self.pop3, tls=starttls, ssl="false"),
            POP3_SERVER.format(name="pop3s", port=self.pop3s, tls=implicit, ssl="true"),
        ]
        (self.conf / "smtpserver.xml").write_text(f"<smtpservers>{''.join(smtp)}</smtpservers>")
        (self.conf / "lmtpserver.xml").write_text(LMTP_SERVER.format(port=self.lmtp))
        (self.conf / "imapserver.xml").write_text(f"<imapservers>{''.join(imap)}</imapservers>")
        (self.conf / "pop3server.xml").write_text(f"<pop3servers>{''.join(pop3)}</pop3servers>")
        managesieve = MANAGESIEVE_SERVER.format(port=self.managesieve, tls=starttls)
        (self.conf / "managesieveserver.xml").write_text(managesieve)
        (self.conf / "domainlist.xml").write_text(DOMAINS)
        (self.conf / "usersrepository.xml").write_text(USERS)
        (self.conf / "webadmin.properties").write_text(
            f"enabled = true\nhost = 127.0.0.1\nport = {self.web}\npassword = {TOKEN}\n"
        )
        (self.conf / "autoconfiguration.properties").write_text(f"enabled = true\nport = {self.public}\n")
        # on loopback, without a listener: an examination needs no service to find the address
        (self.conf / "doctor.properties").write_text("public.addresses = 127.0.0.25\n")

    @property
    def conf(self) -> Path:
        return self.folder / "conf"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Returns when the ports are open."""
        log = (self.folder / "log").open("ab")
        arguments = [
            "serve", "--conf", str(self.conf), "--data", str(self.data),
            "--log-level", "warning", *(["--workers", str(self.workers)] if self.workers > 1 else []),
        ]  # fmt: skip
        forks = origin() if self.is_forked else None
        if forks is None:
            self.process = subprocess.Popen([self.python, "-m", "compostela", *arguments], stdout=log, stderr=log)
        else:
            self.process = forks.start(arguments, log, log)
        log.close()
        end = time.monotonic() + START_SECONDS
        for port in (getattr(self, name) for name in self.awaited):
            while not _is_open(port):
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"the server did not start: {self.log()}")
                time.sleep(0.01)
        if self.workers > 1:
            # the supervisor opens the ports before there is a worker
            with socket.create_connection(("127.0.0.1", getattr(self, self.awaited[0])), START_SECONDS) as client:
                if not client.recv(1):
                    raise RuntimeError(f"no worker answers: {self.log()}")

    def wait_for_web(self) -> None:
        end = time.monotonic() + START_SECONDS
        while not _is_open(self.web) and time.monotonic() < end:
            time.sleep(0.01)

    def wait_for_workers(self) -> None:
        """Until every worker is ready."""
        self.wait_for_web()
        end = time.monotonic() + START_SECONDS
        while not self.has_all_workers():
            assert time.monotonic() < end, self.log()
            time.sleep(0.2)

    def has_all_workers(self) -> bool:
        """What the worker that is asked says of all."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=10)
            try:
                connection.request("GET", "/healthcheck/checks/Workers")
                return bool(json.loads(connection.getresponse().read()).get("status") == "healthy")
            finally:
                connection.close()
        return False

    def worker_pids(self) -> list[int]:
        """Of the supervisor's children."""
        assert self.process is not None
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            return [int(pid) for pid in path.read_text().split()]
        except OSError:
            return []

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill_worker(self, dice: random.Random) -> None:
        """One of those that are there, if there is any at this moment."""
        workers = self.worker_pids()
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(dice.choice(workers), signal.SIGKILL)

    def kill(self) -> None:
        """As if the power of the process had gone; with workers, of their supervisor. Returns when all have ended."""
        assert self.process is not None
        workers = self.worker_pids()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        wait_for_ends(workers)

    def stop(self) -> int:
        """In good order; the exit status."""
        if self.process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            return self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def command(self, *arguments: str, check: bool = True) -> str:
        """Output of a `compostela` command against this server."""
        done = self._command(arguments)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def complaint(self, *arguments: str) -> str:
        """What a `compostela` command that fails tells."""
        done = self._command(arguments)
        assert done.returncode, done.stdout
        return done.stderr

    def _command(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        variables = {"COMPOSTELA_URL": f"http://127.0.0.1:{self.web}", "COMPOSTELA_TOKEN": TOKEN}
        forks = origin() if self.is_forked else None
        if forks is not None:
            with TemporaryFile() as stdout, TemporaryFile() as stderr:
                status = forks.start(arguments, stdout, stderr, variables).wait()
                stdout.seek(0)
                stderr.seek(0)
                return subprocess.CompletedProcess(arguments, status, stdout.read().decode(), stderr.read().decode())
        return subprocess.run(
            [sys.executable, "-m", "compostela", *arguments],
            env={**os.environ, **variables},
            capture_output=True,
            check=False,
            text=True,
        )

    def ask(self, path: str) -> Any:
        """JSON of WebAdmin."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.web}{path}", headers={"Password": TOKEN})
        with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
            return json.load(answer)

    def add_user(self, name: str, password: str = "secret") -> None:
        self.command("user", "add", name, "--password", password)

    def log(self) -> str:
        return (self.folder / "log").read_text()


@contextlib.contextmanager
def running_workers(server: ServerProcess, *users: str) -> Iterator[ServerProcess]:
    """A server with several workers, all of them ready, and these users. It is stopped at the end, which must go well."""
    server.start()
    try:
        server.wait_for_workers()
        for user in users:
            server.add_user(user)
        yield server
        assert server.stop() == 0
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Polls; `what` is the message of the failure after `START_SECONDS`."""
    end = time.monotonic() + START_SECONDS
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def wait_for_ends(pids: list[int]) -> None:
    """Until processes that are not this one's children have ended."""
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "workers go on without their supervisor")


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
