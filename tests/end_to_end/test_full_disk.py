"""The whole server on a disk that fills up: new mail is refused for now, what is there can be read and deleted, and with room all
goes on. Nothing that was answered 250 or OK is lost."""

import imaplib
import json
import random
import re
import smtplib
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.disk import free_bytes
from tests.full_disk import Filler, small_disk
from tests.server_process import ServerProcess

DISK_BYTES = 88 * 1024 * 1024
BALLAST_BYTES = 24 * 1024 * 1024
USER = "reader@example.org"
PROBE_BYTES = 50_000
DEADLINE_SECONDS = 20.0
_SUBJECT = re.compile(rb"^Subject: (\S+)", re.MULTILINE)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", DISK_BYTES) as folder:
        yield folder


@pytest.fixture
def full_server(disk: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(disk / "server")
    server.start()
    server.wait_for_web()
    server.add_user(USER)
    yield server
    assert server.stop() == 0


def a_message(mark: str, size: int) -> bytes:
    line = b"%0200x\r\n"
    dice = random.Random(mark)
    return f"Subject: {mark}\r\n\r\n".encode() + b"".join(line % dice.getrandbits(800) for _ in range(size // 202))


def until(is_so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def logged_in(server: ServerProcess) -> imaplib.IMAP4:
    imap = imaplib.IMAP4("127.0.0.1", server.imap, timeout=20)
    imap.login(USER, "secret")
    assert imap.select("INBOX")[0] == "OK"
    return imap


def is_sent(server: ServerProcess, mark: str, size: int) -> bool:
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=20) as smtp:
        try:
            smtp.sendmail("a@b.example", [USER], a_message(mark, size))
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            refusal = error
        else:
            return True
    assert refusal.smtp_code == 452
    assert bytes(refusal.smtp_error).startswith(b"4.3.1")
    return False


def is_refused_at_mail(server: ServerProcess) -> bool:
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=20) as smtp:
        smtp.ehlo()
        code, text = smtp.mail("a@b.example", [f"SIZE={PROBE_BYTES}"])
    assert code == 250 or text.startswith(b"4.3.1")
    return code == 452


def waiting(server: ServerProcess) -> int:
    return int(server.ask("/mailQueues/spool")["size"])


def cause_of(server: ServerProcess, component: str) -> str | None:
    """What a health check says."""
    try:
        answer = urllib.request.urlopen(f"http://127.0.0.1:{server.web}/healthcheck")
    except urllib.error.HTTPError as unhealthy:
        answer = unhealthy
    with answer:
        checks: list[dict[str, str | None]] = json.load(answer)["checks"]
    return next(check["cause"] for check in checks if check["componentName"] == component)


def uids_of(imap: imaplib.IMAP4) -> list[str]:
    imap.noop()
    return imap.uid("SEARCH", "ALL")[1][0].decode().split()


def messages_of(imap: imaplib.IMAP4) -> list[bytes]:
    return [imap.uid("FETCH", uid, "(BODY.PEEK[])")[1][0][1] for uid in uids_of(imap)]


@pytest.mark.slow
def test_a_server_outlives_a_full_disk(full_server: ServerProcess, disk: Path) -> None:
    ballast, rest = Filler(disk / "ballast"), Filler(disk / "rest")
    ballast.take(BALLAST_BYTES)
    sent: dict[str, int] = {}
    arriving = smtplib.SMTP("127.0.0.1", full_server.smtp, timeout=20)
    arriving.ehlo()
    assert arriving.mail("a@b.example")[0] == arriving.rcpt(USER)[0] == 250
    assert arriving.docmd("DATA")[0] == 354

    # mails fill it down to the reserve
    for number in range(200):
        mark, size = f"m{number}", 3_000 if number % 3 == 0 else 500_000
        if not is_sent(full_server, mark, size):
            break
        sent[mark] = size
    assert 10 < len(sent) < 150

    def is_full_and_delivered() -> bool:
        # a large mail is refused while there is still room for a small one, and the pipeline gives rows back
        until(lambda: waiting(full_server) == 0, "what was accepted is not delivered")
        if is_refused_at_mail(full_server):
            return True
        mark = f"m{len(sent)}-small"
        if is_sent(full_server, mark, PROBE_BYTES):
            sent[mark] = PROBE_BYTES
        return False

    until(is_full_and_delivered, "MAIL is not refused")
    imap = logged_in(full_server)
    status, answer = imap.append("INBOX", "", "", a_message("appended", 2 * PROBE_BYTES))
    assert status == "NO"
    assert answer[0].startswith(b"[UNAVAILABLE]")

    # others take more, though the log still has room: what is told of that is no mistake of the server
    rest.take(free_bytes(disk) // 2)
    until(lambda: cause_of(full_server, "Disk space") == "the disk is full", "nobody is told of the disk")
    until(lambda: '"Disk space" is unhealthy: "the disk is full"' in full_server.log(), "the log does not tell it")
    assert "Traceback" not in full_server.log()

    # and to the last block; a message whose octets are on their way has no room either
    rest.fill()
    arriving.send(a_message("arriving", 1_000_000) + b".\r\n")
    assert arriving.getreply()[0] == 452
    arriving.close()

    # reading and expunging
    uids = uids_of(imap)
    assert len(uids) == len(sent)
    imap.uid("STORE", ",".join(uids[:5]), "+FLAGS.SILENT", "(\\Deleted)")
    status, _ = imap.expunge()
    assert status == "OK"
    kept = Counter(_mark(message) for message in messages_of(imap))
    assert sum(kept.values()) == len(sent) - 5

    # room again
    rest.remove()
    ballast.remove()
    until(lambda: is_sent(full_server, "again", 3_000), "nothing is accepted again")
    sent["again"] = 3_000
    until(lambda: len(uids_of(imap)) == len(sent) - 5, "the last mail does not come")
    # the room is looked at once a second
    appended = a_message("appended", 2 * PROBE_BYTES)
    until(lambda: imap.append("INBOX", "", "", appended)[0] == "OK", "APPEND is not done again")
    sent["appended"] = 2 * PROBE_BYTES
    found = messages_of(imap)
    marks = Counter(_mark(message) for message in found)
    assert marks == kept + Counter(["again", "appended"])
    for message in found:
        mark = _mark(message)
        assert message.endswith(a_message(mark, sent[mark]).partition(b"\r\n\r\n")[2]), mark
    imap.logout()


def _mark(message: bytes) -> str:
    found = _SUBJECT.search(message)
    assert found is not None
    return found[1].decode()
