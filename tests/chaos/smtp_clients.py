"""Clients that send mail."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

import aiosmtplib

from tests.chaos.clients import PATIENCE_SECONDS, Client, Refused, TryLater
from tests.chaos.ledger import content_of

SENDER = "a@b.example"
T = TypeVar("T")


@dataclass
class Sender(Client):
    """Sends mails over one connection, each to some of the users."""

    users: tuple[str, ...] = ()

    async def session(self) -> None:
        smtp = aiosmtplib.SMTP(
            hostname="127.0.0.1", port=self.node.server.smtp, timeout=PATIENCE_SECONDS, use_tls=False, start_tls=False
        )
        try:
            await checked(smtp.connect())
            await self.repeat(lambda: self._send(smtp))
        finally:
            smtp.close()

    async def _send(self, smtp: aiosmtplib.SMTP) -> None:
        users = self.dice.sample(self.users, self.dice.randint(1, len(self.users)))
        mark = self.ledger.begin("smtp", users)
        header, body = content_of(mark)
        refused, _ = await checked(smtp.sendmail(SENDER, users, header + b"\r\n" + body))
        self.ledger.acknowledge(mark, [user for user in users if user not in refused])
        for answer in refused.values():
            judge(answer.code)


async def checked(call: Awaitable[T]) -> T:
    """Raises `TryLater` for an answer 4xx, `Refused` for an answer 5xx, and the errors of a lost connection."""
    try:
        return await call
    except aiosmtplib.SMTPRecipientsRefused as error:
        for recipient in error.recipients:
            judge(recipient.code)
        raise TryLater from error
    except aiosmtplib.SMTPResponseException as error:
        judge(error.code)
        raise TryLater from error


def judge(code: int) -> None:
    if code >= 500:
        raise Refused(f"a permanent error: {code}")
