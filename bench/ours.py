"""Our server as a side of the benchmark. `smtp_only` is a second server, whose spooler has no worker: what it spends is
spent until 250."""

import http.client
import json
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from tests.server_process import TOKEN, ServerProcess

from bench import processes
from bench.sides import FILL_SIZE, IMAP_USERS, PASSWORD, PROBE, SMTP_USERS

VALID_RECIPIENT = '<handlerchain><handler class="ValidRcptHandler"/></handlerchain>'


def sample_handlers() -> str:
    """The chain of the sample configuration's server for mail from outside."""
    text = (Path(__file__).parents[1] / "conf" / "smtpserver.xml").read_text()
    found = re.search(r"<handlerchain.*?</handlerchain>", text, re.DOTALL)
    assert found is not None
    return found[0]


class Ours:
    """With the handlers of the sample configuration, or with other ones; with the packaged mail container, or with that of a file;
    from this checkout, or from another one that has its own `.venv`; with worker processes."""

    def __init__(
        self,
        folder: Path,
        *,
        accept_only: bool = False,
        handlers: str = "",
        container: Path | None = None,
        checkout: Path | None = None,
        workers: int = 1,
    ) -> None:
        self._checkout = checkout
        self._python = sys.executable if checkout is None else str(checkout / ".venv" / "bin" / "python")
        self.server = ServerProcess(folder, python=self._python, awaited=("smtp", "imap"), workers=workers)
        servers = self.server.conf / "smtpserver.xml"
        assert VALID_RECIPIENT in servers.read_text()
        servers.write_text(servers.read_text().replace(VALID_RECIPIENT, handlers or sample_handlers()))
        source = container or files("compostela.app.configuration.defaults").joinpath("mailetcontainer.xml")
        packaged = source.read_text()
        if container is not None:
            (self.server.conf / "mailetcontainer.xml").write_text(packaged)
        if accept_only:
            idle = packaged.replace("<threads>20</threads>", "<threads>0</threads>")
            assert idle != packaged
            (self.server.conf / "mailetcontainer.xml").write_text(idle)
        self.smtp = self.smtp_only = self.server.smtp
        self.imap, self.imaps = self.server.imap, self.server.imaps
        self.pop3 = self.server.pop3

    def start(self) -> None:
        self.server.start()

    def start_with_users(self, users: tuple[str, ...] = (*SMTP_USERS, *IMAP_USERS, PROBE)) -> None:
        self.start()
        self.server.wait_for_web()
        if self.server.workers > 1:
            self.server.wait_for_workers()
        connection = http.client.HTTPConnection("127.0.0.1", self.server.web, timeout=30)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        for user in users:
            connection.request("PUT", f"/users/{user}", json.dumps({"password": PASSWORD}), headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"a user could not be made: {answer.status}")
        connection.close()

    def stop(self) -> None:
        self.server.stop()

    def pids(self) -> list[int]:
        assert self.server.process is not None
        return processes.family(self.server.process.pid)

    def fill(self, user: str, messages: int, size: int = FILL_SIZE) -> None:
        command = [self._python, "-m", "bench.fill", str(self.server.data), user, str(messages), str(size)]
        subprocess.run(command, check=True, cwd=self._checkout)
