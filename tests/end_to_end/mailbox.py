"""Looking into a mailbox with the standard library's client."""

import contextlib
import imaplib
import time
from collections.abc import Iterator

from tests.server_process import ServerProcess

WAIT_SECONDS = 20.0


@contextlib.contextmanager
def session(server: ServerProcess, user: str) -> Iterator[imaplib.IMAP4]:
    imap = imaplib.IMAP4("127.0.0.1", server.imap, timeout=30)
    imap.login(user, "secret")
    try:
        yield imap
    finally:
        imap.logout()


def fetch_all(server: ServerProcess, user: str, count: int = 1, mailbox: str = "INBOX") -> list[bytes]:
    """The messages, as soon as there are `count`."""
    end = time.monotonic() + WAIT_SECONDS
    with session(server, user) as imap:
        while True:
            status, answer = imap.select(mailbox, readonly=True)
            if status == "OK" and int(answer[0] or 0) >= count:
                break
            assert time.monotonic() < end, f"{count} messages have not come: {server.log()[-2000:]}"
            time.sleep(0.02)
        _, data = imap.fetch("1:*", "(BODY.PEEK[])")
        return [part[1] for part in data if isinstance(part, tuple)]
