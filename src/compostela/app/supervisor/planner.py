"""Reading the configuration again, in a process of its own: the supervisor does not import what that takes."""

import os
import selectors
import subprocess
from collections.abc import Callable, Sequence

from compostela.app.supervisor.plan import Plan

MAX_OUTPUT_BYTES = 1024 * 1024
READ_BYTES = 65536
SECONDS = 50.0
"""The longest that it may take: `compostela restart` waits for a minute."""


class Planner:
    """Runs until it has called `planned` with a plan or a sentence, once."""

    def __init__(
        self,
        command: Sequence[str],
        selector: selectors.BaseSelector,
        planned: Callable[[Plan | str], None],
        now: float,
    ) -> None:
        """Starts the process. Raises `OSError`."""
        self._selector = selector
        self._planned = planned
        self._output = b""
        self.deadline = now + SECONDS
        self._process = subprocess.Popen(
            [*command, "--plan"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self._process.stdout is not None
        self._pipe = self._process.stdout
        selector.register(self._pipe, selectors.EVENT_READ, self._on_event)

    def stop(self) -> None:
        """Ends it; nothing is called."""
        self._process.kill()
        self._finish()

    def _on_event(self, _: int) -> None:
        octets = os.read(self._pipe.fileno(), READ_BYTES)
        self._output += octets
        if octets and len(self._output) <= MAX_OUTPUT_BYTES:
            return
        if octets:
            self._process.kill()
        self._planned(self._result(self._finish()))

    def _finish(self) -> int:
        self._selector.unregister(self._pipe)
        self._pipe.close()
        return self._process.wait()

    def _result(self, status: int) -> Plan | str:
        if status == 0:
            try:
                return Plan.decode(self._output.splitlines()[-1])
            except (ValueError, KeyError, TypeError, IndexError):
                status = -1
        text = self._output.decode(errors="replace").strip().removeprefix("compostela: ")
        return text or f"the configuration cannot be read (status {status})"
