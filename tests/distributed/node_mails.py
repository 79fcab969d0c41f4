"""Mails to a node, small and large ones."""

import os
import smtplib

from tests.server_process import ServerProcess

USER = "reader@example.org"
LARGE = os.urandom(20_000).hex().encode()
"""Its body is in S3."""
SECONDS = 120.0


def send(server: ServerProcess, number: int) -> None:
    lines = [LARGE[at : at + 70] for at in range(number, len(LARGE), 70)] if number % 2 else [b"small"]
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=SECONDS) as smtp:
        smtp.sendmail("a@b.example", [USER], b"Subject: %d\r\n\r\n%s\r\n" % (number, b"\r\n".join(lines)))
