"""Small mailets: header values, recipients, delays and those for tests."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument
from compostela.core.mail.attributes import AttributeValue
from compostela.core.mail.model import GHOST
from compostela.core.queue.model import SPOOL
from compostela.mime.dates import format_date
from compostela.mime.headers import Headers
from compostela.processing.mailet import MailetContext
from compostela.processing.mailets.debug import MailetFailure, _counted
from compostela.testing.pipeline import ANN, BOB, mail_of, mailet, served, server_context, spooled, text_of

DAY = 86400


class At:
    """A clock that does not advance."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[MailetContext]:
    async with server_context(tmp_path) as made:
        yield replace(made, clock=At(1_000_000_000))


@pytest.mark.parametrize(
    ("given", "days"),
    [(None, 3), (1, 2), (3.5, 3.5), (9, 5)],
)
async def test_expires_is_set_and_kept_in_bounds(given: float | None, days: float, context: MailetContext) -> None:
    made = mailet("Expires", context, minAge="2", maxAge="5 days", defaultAge="3d")
    field = "" if given is None else f"Expires: {format_date(1_000_000_000 + given * DAY)}\r\n"
    mail = await served(made, mail_of(f"{field}Subject: x\r\n\r\n"))
    assert Headers(mail.content.header).get_all(b"Expires") == [format_date(1_000_000_000 + days * DAY).encode()]


@pytest.mark.parametrize("parameters", [{}, {"minAge": "2", "maxAge": "1"}, {"minAge": "soon"}])
async def test_expires_refuses_what_makes_no_sense(parameters: dict[str, str], context: MailetContext) -> None:
    with pytest.raises(InvalidArgument):
        mailet("Expires", context, **parameters)


@pytest.mark.parametrize(("value", "stays"), [("<a@b>", True), ("a@b", False), ("<a b@c>", False), ("<a>", False)])
async def test_a_malformed_message_id_is_replaced(value: str, stays: bool, context: MailetContext) -> None:
    mail = await served(mailet("SanitizeMimeMessageId", context), mail_of(f"Message-ID: {value}\r\n\r\n"))
    (found,) = Headers(mail.content.header).get_all(b"Message-ID")
    assert (found == value.encode()) == stays
    assert found.startswith(b"<")
    assert found.endswith(b">")


async def test_the_mails_name_in_a_field(context: MailetContext) -> None:
    mail = await served(mailet("SaveMailNameInHeaders", context), mail_of("X-JAMES-Mail-Name: forged\r\n\r\n"))
    assert Headers(mail.content.header).get_all(b"X-JAMES-Mail-Name") == [b"mail"]


@pytest.mark.parametrize(
    ("name", "value", "fields"),
    [
        ("MailAttributesToMimeHeaders", "one", [b"one"]),
        ("MailAttributesToMimeHeaders", 7, [b"7"]),
        ("MailAttributesListToMimeHeaders", ["one", "two"], [b"one", b"two"]),
        ("MailAttributesListToMimeHeaders", {"a": "one", "b": b"two"}, [b"one", b"two"]),
        ("MailAttributesListToMimeHeaders", None, []),
    ],
)
async def test_attributes_in_header_fields(
    name: str, value: AttributeValue, fields: list[bytes], context: MailetContext
) -> None:
    mail = mail_of()
    mail.attributes["attribute"] = value
    await served(mailet(name, context, simplemapping=["attribute; X-One", "missing;X-Two"]), mail)
    headers = Headers(mail.content.header)
    assert headers.get_all(b"X-One") == fields
    assert b"X-Two" not in headers


@pytest.mark.parametrize("mapping", ["attribute", "attribute;", "attribute;X One"])
async def test_a_wrong_mapping_is_refused(mapping: str, context: MailetContext) -> None:
    with pytest.raises(InvalidArgument):
        mailet("MailAttributesToMimeHeaders", context, simplemapping=mapping)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Subject: Out of office: x\r\n\r\nuser unknown", b"Out of the office"),
        ("Subject: Undelivered Mail\r\n\r\nx", b"Delivery failure"),
        ("Subject: x\r\n\r\nThe mailbox is\r\nfull", b"Mailbox full"),
        ("Subject: x\r\n\r\n550 5.1.1 no such user", b"Delivery failure"),
        ("Subject: x\r\n\r\nSee you tomorrow", b"Normal"),
    ],
)
async def test_bounces_are_classified(message: str, kind: bytes, context: MailetContext) -> None:
    mail = await served(
        mailet("ClassifyBounce", context, headerName="X-Bounce"), mail_of(f"X-Bounce: old\r\n{message}")
    )
    assert Headers(mail.content.header).get_all(b"X-Bounce") == [kind]


async def test_a_mail_is_split_once_even_if_it_is_processed_again(context: MailetContext) -> None:
    recipients = [f"u{number}@example.org" for number in range(5)]
    split = mailet("SplitMail", context, batchSize="2")
    for _ in range(2):
        mail = await served(split, mail_of("Subject: x\r\n\r\n", None, *recipients))
    assert [str(one) for one in mail.recipients] == recipients[:2]
    parts = await spooled(context)
    assert [[str(one) for one in part.recipients] for part in parts] == [recipients[2:4], recipients[4:]]


async def test_recipients_of_the_header(context: MailetContext) -> None:
    use = mailet("UseHeaderRecipients", context)
    mail = await served(use, mail_of(f"To: Ann <{ANN}>, nobody\r\nCc: x@y.example\r\n\r\n"))
    assert [str(one) for one in mail.recipients] == [ANN, "x@y.example"]
    mail = await served(use, mail_of(f"To: {ANN}\r\nMail-For: y@y.example\r\n\r\n"))
    assert ([str(one) for one in mail.recipients], mail.content.header) == (
        ["y@y.example"],
        f"To: {ANN}\r\n\r\n".encode(),
    )
    assert [str(one) for one in (await served(use, mail_of())).recipients] == [BOB]


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        ("2026-11-27T12:00:00+01:00", 0),  # Friday
        ("2026-11-27T07:00:00+01:00", 1),
        ("2026-11-27T18:00:00+01:00", 62),
        ("2026-11-28T12:00:00+01:00", 44),
        ("2026-10-23T20:00:00+02:00", 61),  # the clocks go back on this Sunday
    ],
)
async def test_mail_waits_for_working_hours(now: str, hours: int, context: MailetContext) -> None:
    at = replace(context, clock=At(datetime.fromisoformat(now).timestamp()))
    made = mailet("DeconnectionRight", at, zoneId="Europe/Paris", workDayStart="08:00:00", workDayEnd="18:00:00")
    mail = await served(made, mail_of())
    waiting = [one async for one in context.queues.queue(SPOOL).browse(delayed=True)]
    assert (mail.state == GHOST, len(waiting)) == (hours > 0, int(hours > 0))
    assert made._delay(datetime.fromisoformat(now).astimezone(made._zone)) == hours * 3600  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "parameters", [{"zoneId": "Nowhere"}, {"workDayStart": "8"}, {"workDayStart": "19:00"}, {"workDayEnd": ""}]
)
async def test_wrong_working_hours_are_refused(parameters: dict[str, str], context: MailetContext) -> None:
    right = {"zoneId": "Europe/Paris", "workDayStart": "08:00:00", "workDayEnd": "18:00:00"}
    mailet("DeconnectionRight", context, **right)
    with pytest.raises(InvalidArgument):
        mailet("DeconnectionRight", context, **{**right, **parameters})


@pytest.mark.parametrize("name", ["ExceptionThrowingMailet", "PropagateError"])
async def test_mailets_that_fail(name: str, context: MailetContext) -> None:
    with pytest.raises(MailetFailure):
        await served(mailet(f"org.apache.james.transport.mailets.debug.{name}", context), mail_of())


@pytest.mark.parametrize("name", ["Identity", "Counter", "DumpSystemErr"])
async def test_mailets_that_change_nothing(
    name: str, context: MailetContext, capsys: pytest.CaptureFixture[str]
) -> None:
    mail = mail_of()
    assert await text_of(await served(mailet(name, context), mail)) == "Subject: x\r\n\r\nhello\r\n"
    assert mail.state == "root"
    assert capsys.readouterr().err == ("Subject: x\r\n\r\nhello\r\n" if name == "DumpSystemErr" else "")


async def test_counted_mails_are_a_metric(context: MailetContext) -> None:
    before = _counted.value
    await served(mailet("Counter", context), mail_of())
    assert _counted.value == before + 1
