"""What every delivery on behalf of a waiting client promises. A subclass gives the fixtures `delivery`, with bob and carol of
example.org for users, and `received`, which gives what a user's INBOX holds."""

import asyncio
from collections.abc import Awaitable, Callable

from compostela.core.delivery.ports import MailDelivery, Outcome
from compostela.core.mail.model import Mail
from compostela.testing.mails import a_mail, address

Received = Callable[[str], Awaitable[list[bytes]]]
BOB, CAROL = "bob@example.org", "carol@example.org"


async def deliver(delivery: MailDelivery, mail: Mail) -> dict[str, Outcome]:
    return {str(one): outcome for one, outcome in (await delivery.deliver(mail, mail.content)).items()}


class MailDeliveryContract:
    ports = (MailDelivery,)

    async def test_what_is_told_to_be_delivered_is_there(self, delivery: MailDelivery, received: Received) -> None:
        mail = a_mail(recipients=(BOB, CAROL), body=b"To both.\r\n")
        assert await deliver(delivery, mail) == {BOB: Outcome.DELIVERED, CAROL: Outcome.DELIVERED}
        for user in (BOB, CAROL):
            (message,) = await received(user)
            assert message.startswith(b"Return-Path: <alice@example.org>\r\n")
            assert message.endswith(b"Subject: greetings\r\n\r\nTo both.\r\n")

    async def test_the_mail_stays_as_it_is(self, delivery: MailDelivery, received: Received) -> None:
        mail = a_mail(recipients=(BOB, CAROL))
        before = mail.copy(mail.name, mail.recipients)
        await deliver(delivery, mail)
        assert mail == before

    async def test_a_mail_given_again_after_a_success_is_another(
        self, delivery: MailDelivery, received: Received
    ) -> None:
        await deliver(delivery, a_mail(recipients=(BOB,)))
        await deliver(delivery, a_mail(recipients=(BOB,)))
        assert len(await received(BOB)) == 2

    async def test_many_at_the_same_time(self, delivery: MailDelivery, received: Received) -> None:
        mails = [a_mail(f"mail{n}", recipients=(BOB, CAROL), body=b"%d\r\n" % (n % 3)) for n in range(12)]
        outcomes = await asyncio.gather(*(delivery.deliver(mail, mail.content) for mail in mails))
        assert outcomes == [{address(BOB): Outcome.DELIVERED, address(CAROL): Outcome.DELIVERED}] * 12
        assert (len(await received(BOB)), len(await received(CAROL))) == (12, 12)
