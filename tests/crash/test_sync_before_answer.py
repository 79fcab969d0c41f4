"""Seen from the kernel: between the last write of a mail's octets and the 250 that answers DATA, a sync of that file returned.

The server runs as an operator starts it, and strace watches it.
"""

import random
import re
import shutil
import signal
import smtplib
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.server_process import ServerProcess

CALLS = "fdatasync,fsync,write,pwrite64,pwritev,sendto,sendmsg,writev"
USER = "reader@example.org"
WINDOW, STRIDE = 24, 192
"""A write holds octets of the mail when it holds any of these pieces of it."""
_SYNCS = ("fsync", "fdatasync")
_ENTRY = re.compile(r"^(\d+) +(\w+)\(\d+<([^>]*)>(.*)$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass
class Call:
    """A system call: the lines of the trace at which it began and returned, its file and the octets that it was given."""

    name: str
    began: int
    file: str
    octets: bytes = b""
    returned: int = -1
    is_good: bool = False

    def end(self, line: int, rest: str) -> None:
        self.returned, self.is_good = line, " = -1 " not in rest and " = ?" not in rest


def calls_of(trace: Path) -> list[Call]:
    """In the order in which they began."""
    calls: list[Call] = []
    under_way: dict[str, Call] = {}
    for number, line in enumerate(trace.read_text().splitlines()):
        if resumed := _RESUMED.match(line):
            if resumed[1] in under_way:
                under_way.pop(resumed[1]).end(number, resumed[2])
        elif entry := _ENTRY.match(line):
            thread, name, file, rest = entry.groups()
            octets = b"".join(bytes.fromhex(text.replace("\\x", "")) for text in _STRING.findall(rest))
            calls.append(Call(name, number, bytes(_unescaped(file)).decode(errors="replace"), octets))
            if "<unfinished ...>" in rest:
                under_way[thread] = calls[-1]
            else:
                calls[-1].end(number, rest)
    return calls


def _unescaped(text: str) -> bytes:
    """strace writes the names of files in its own way when all strings are in hexadecimal."""
    return bytes.fromhex(text.replace("\\x", "")) if text.startswith("\\x") else text.encode()


@contextmanager
def traced(server: ServerProcess, trace: Path) -> Iterator[None]:
    """Every thread of the server is watched."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    assert server.process is not None
    strace = subprocess.Popen(
        [
            "strace",
            "-f",
            "-y",
            "-xx",
            "-s",
            "2000000",
            "-e",
            f"trace={CALLS}",
            "-o",
            trace,
            "-p",
            str(server.process.pid),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert strace.stderr is not None
    told = strace.stderr.readline()
    if " attached" not in told:
        strace.kill()
        strace.communicate()
        pytest.skip(f"strace cannot attach: {told.strip()}")
    yield
    strace.send_signal(signal.SIGINT)
    strace.communicate()


def a_mail(size: int) -> tuple[str, bytes]:
    """A mark that the header contains, and a message that cannot be compressed."""
    dice = random.Random(size)
    mark = f"mark-{dice.getrandbits(128):032x}"
    octets = bytes(set(range(1, 256)) - set(b"\r\n."))
    lines = [bytes(dice.choices(octets, k=200)) for _ in range(size // 202)]
    return mark, f"Subject: trace\r\nX-Mark: {mark}\r\n\r\n".encode() + b"\r\n".join(lines) + b"\r\n"


def _synced_between(calls: list[Call], write: Call, answer: Call) -> bool:
    return any(
        call.name in _SYNCS and call.is_good and call.file == write.file and write.returned < call.began
        and call.returned < answer.began
        for call in calls
    )  # fmt: skip


def _answer_to_data(calls: list[Call]) -> Call:
    """The first 250 after a 354."""
    asked = next(call for call in calls if call.octets.startswith(b"354"))
    return next(call for call in calls if call.began > asked.began and call.octets.startswith(b"250"))


def _before(calls: list[Call], answer: Call, folder: Path, holds: Callable[[bytes], bool]) -> list[Call]:
    """Writes to files of the store that began before the answer."""
    written = ("write", "pwrite64", "pwritev", "writev")
    return [
        call
        for call in calls
        if call.name in written
        and call.began < answer.began
        and call.file.startswith(str(folder))
        and holds(call.octets)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("size", [4 * 1024, 1024 * 1024])
def test_a_sync_returns_before_the_answer(size: int, tmp_path: Path) -> None:
    server, trace = ServerProcess(tmp_path), tmp_path / "trace"
    server.start()
    try:
        server.wait_for_web()
        server.add_user(USER)
        mark, message = a_mail(size)
        with traced(server, trace), smtplib.SMTP("127.0.0.1", server.smtp, timeout=60) as smtp:
            smtp.sendmail("a@b.example", [USER], message, mail_options=["BODY=8BITMIME"])
    finally:
        assert server.stop() == 0
    calls = calls_of(trace)
    answer = _answer_to_data(calls)
    pieces = [message[at : at + WINDOW] for at in range(300, len(message) - WINDOW, STRIDE)]
    bodies = _before(calls, answer, server.data, lambda octets: any(piece in octets for piece in pieces))
    seen = b"\x00".join(call.octets for call in bodies)
    assert sum(piece in seen for piece in pieces) > 0.8 * len(pieces), "the trace does not show the mail"
    assert _synced_between(calls, bodies[-1], answer), bodies[-1].file
    if size > 256 * 1024:
        assert "/blobs/" in bodies[-1].file
    # the row with the header; the pipeline may already be writing it again when the answer is sent
    row = _before(calls, answer, server.data, lambda octets: mark.encode() in octets)[0]
    assert row.file.endswith("-wal")
    assert _synced_between(calls, row, answer)
