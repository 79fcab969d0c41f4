"""A backup while mail arrives, and a server on what is restored from it."""

import json
import os
import re
import shutil
import smtplib
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.end_to_end.mailbox import fetch_all
from tests.server_process import ServerProcess

USER = "reader@example.org"
DELIVERY_SECONDS = 60.0
LARGE = os.urandom(300_000).hex().encode()
_SUBJECT = re.compile(rb"^Subject: (\d+)", re.MULTILINE)


class Sending(threading.Thread):
    """Sends numbered mails, each second one with a body in a file, until it is told to stop."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self.accepted: list[int] = []
        self.has_begun = threading.Event()
        self.stops = threading.Event()

    def run(self) -> None:
        with smtplib.SMTP("127.0.0.1", self._port, timeout=30) as smtp:
            number = 0
            while not self.stops.is_set() or number < 10:
                body = b"\r\n".join(LARGE[at : at + 70] for at in range(number, 400_000, 70)) if number % 2 else b"x"
                smtp.sendmail("a@b.example", [USER], b"Subject: %d\r\n\r\n%s\r\n" % (number, body))
                self.accepted.append(number)
                number += 1
                if number == 10:
                    self.has_begun.set()


def wait_until_delivered(server: ServerProcess) -> None:
    end = time.monotonic() + DELIVERY_SECONDS
    while any(one["size"] for one in json.loads(server.command("queue", "list", "--json"))):
        assert time.monotonic() < end, server.log()[-2000:]


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_what_was_accepted_before_the_backup_began_is_restored(tmp_path: Path, name: str) -> None:
    first = ServerProcess(tmp_path / "first")
    first.start()
    first.wait_for_web()
    first.add_user(USER)
    sending = Sending(first.smtp)
    sending.start()
    assert sending.has_begun.wait(60)
    accepted = list(sending.accepted)
    answer = json.loads(first.command("backup", str(tmp_path / name), "--data", str(first.data), "--json"))
    assert (answer["damaged"], answer["files"] > 3) == ([], True)
    sending.stops.set()
    sending.join()
    assert first.stop() == 0

    second = ServerProcess(tmp_path / "second")
    shutil.rmtree(second.data, ignore_errors=True)
    second.command("restore", str(tmp_path / name), "--data", str(second.data))
    second.start()
    second.wait_for_web()
    try:
        wait_until_delivered(second)
        found = fetch_all(second, USER, len(accepted))
        numbers = [int(match[1]) for one in found if (match := _SUBJECT.search(one))]
        assert set(accepted) <= set(numbers)
        assert len(set(numbers)) == len(numbers)
        assert all(len(one) > 300_000 for one, number in zip(found, numbers, strict=True) if number % 2)
    finally:
        assert second.stop() == 0


def test_what_cannot_be_done_is_one_sentence(tmp_path: Path) -> None:
    for arguments in (
        ("backup", "copy", "--data", "nothing"),
        ("restore", "nothing", "--data", "new"),
        ("restore", "file", "--data", "new"),
    ):
        (tmp_path / "file").write_bytes(b"no archive")
        done = subprocess.run(
            [sys.executable, "-m", "compostela", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
        assert done.stderr.startswith("compostela: ")
