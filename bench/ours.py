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
from bench.sides import IMAP_USERS, PASSWORD, PROBE, SMTP_USERS

VALID_RECIPIENT = '<handlerchain><handler class="ValidRcptHandler"/></handlerchain>'


def sample_handlers() -> str:
    """The chain of the sample configuration's server for mail from outside."""
    text = (Path(__file__).parents[1] / "conf" / "smtpserver.xml").read_text()
    found = re.search(r"<handlerchain.*?</handlerchain>", text, re.DOTALL)
    assert found is not None
    return found[0]


class Ours:
    """With the handlers of the sample configuration, or with other ones; from this checkout, or from another one that has its own
    `.venv`."""

    def __init__(
        self, folder: Path, *, accept_only: bool = False, handlers: str = "", checkout: Path | None = None
    ) -> None:
        self._checkout = checkout
        self._python = sys.executable if checkout is None else str(checkout / ".venv" / "bin" / "python")
        self.server = ServerProcess(folder, python=self._python, awaited=("smtp", "imap"))
        servers = self.server.conf / "smtpserver.xml"
        assert VALID_RECIPIENT in servers.read_text()
        servers.write_text(servers.read_text().replace(VALID_RECIPIENT, handlers or sample_handlers()))
        if accept_only:
            packaged = files("compostela.app.configuration.defaults").joinpath("mailetcontainer.xml").read_text()
            idle = packaged.replace("<threads>20</threads>", "<threads>0</threads>")
            assert idle != packaged
            (self.server.conf / "mailetcontainer.xml").write_text(idle)
        self.smtp = self.smtp_only = self.server.smtp
        self.imap, self.imaps = self.server.imap, self.server.imaps

    def start(self) -> None:
        self.server.start()

    def start_with_users(self, users: tuple[str, ...] = (*SMTP_USERS, *IMAP_USERS, PROBE)) -> None:
        self.start()
        self.server.wait_for_web()
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

    def fill(self, user: str, messages: int) -> None:
        command = [self._python, "-m", "bench.fill", str(self.server.data), user, str(messages)]
        subprocess.run(command, check=True, cwd=self._checkout)
