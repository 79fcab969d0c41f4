"""ICalendarParser, ICALToHeader, ICALToJsonAttribute and ICSSanitizer, alone and in the chain that operators configure."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from compostela.base.errors import InvalidArgument
from compostela.core.mail.attributes import AttributeValue
from compostela.core.mail.model import Mail
from compostela.mime.editing import text_of as text_of_part
from compostela.mime.scanner import describe
from compostela.processing.mailet import MailetContext
from compostela.processing.mailets.calendars import MAX_CALENDAR_BYTES, MAX_CALENDARS
from compostela.testing.pipeline import ANN, BOB, SENDER, mail_of, mailet, served, server_context, text_of

EVENT = (
    "BEGIN:VCALENDAR\r\nPRODID:-//A//B//EN\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\n"
    "BEGIN:VTIMEZONE\r\nTZID:Europe/Paris\r\nEND:VTIMEZONE\r\n"
    "BEGIN:VEVENT\r\nUID:meeting-1@a.example\r\nDTSTAMP:20260106T115036Z\r\nSEQUENCE:2\r\n"
    "RECURRENCE-ID;TZID=Europe/Paris:20260107T100000\r\nSUMMARY:Café\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
BARE = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\nUID:task-1\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"
HEADER = "From: Ann <ann@b.example>\r\nSubject: Meeting\r\nMIME-Version: 1.0\r\n"
INVITATION = (
    HEADER + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\n"
    "Content-Type: text/calendar; charset=utf-8; name=meeting.ics\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    + EVENT
    + "--b--\r\n"
)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def context(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MailetContext]:
    """One for all: these mailets change nothing but the mail."""
    async with server_context(tmp_path_factory.mktemp("server")) as made:
        yield made


def with_calendars(name: str, calendars: AttributeValue, message: str = HEADER + "\r\n") -> Mail:
    mail = mail_of(message, SENDER, BOB, ANN)
    mail.attributes[name] = calendars
    return mail


def parsed(mail: Mail, name: str = "icalendarJson") -> list[dict[str, str | None]]:
    found = mail.attributes[name]
    assert isinstance(found, dict)
    return [json.loads(one) for one in found.values() if isinstance(one, bytes)]


async def test_an_invitation_goes_through_the_whole_chain(context: MailetContext) -> None:
    mail = mail_of(INVITATION, SENDER, BOB, ANN)
    chain = [
        mailet("StripAttachment", context, mimeType="text/calendar", attribute="ics", remove="no"),
        mailet("MimeDecodingMailet", context, attribute="ics"),
        mailet("ICalendarParser", context, sourceAttribute="ics", destinationAttribute="cal"),
        mailet("ICALToHeader", context, attribute="cal"),
        mailet("ICALToJsonAttribute", context, source="cal", rawSource="ics", destination="json"),
    ]
    for made in chain:
        await served(made, mail)
    header = mail.content.header.decode()
    for line in (
        "X-MEETING-UID: meeting-1@a.example",
        "X-MEETING-METHOD: REQUEST",
        "X-MEETING-RECURRENCE-ID: 20260107T100000",
        "X-MEETING-SEQUENCE: 2",
        "X-MEETING-DTSTAMP: 20260106T115036Z",
    ):
        assert f"{line}\r\n" in header
    common = {
        "ical": EVENT.removesuffix("\r\n"),
        "sender": "ann@b.example",
        "replyTo": "ann@b.example",
        "uid": "meeting-1@a.example",
        "sequence": "2",
        "dtstamp": "20260106T115036Z",
        "method": "REQUEST",
        "recurrence-id": "20260107T100000",
    }
    assert parsed(mail, "json") == [{**common, "recipient": BOB}, {**common, "recipient": ANN}]
    assert "hello" in await text_of(mail)


@pytest.mark.slow
async def test_what_is_no_calendar_is_left_out(context: MailetContext) -> None:
    sources: AttributeValue = {
        "good": EVENT.encode(),
        "text": EVENT,
        "marked": b"\xef\xbb\xbf" + BARE.encode(),
        "latin": EVENT.encode("latin-1"),
        "empty": b"",
        "words": b"nothing of the kind",
        "cut": EVENT[:60].encode(),
        "binary": bytes(range(256)),
        "number": 1,
        "event": b"BEGIN:VEVENT\r\nUID:x\r\nEND:VEVENT\r\n",
        "nested": b"BEGIN:VCALENDAR\r\n" * 20_000,
        "large": BARE.replace("task-1", "x" * MAX_CALENDAR_BYTES).encode(),
    }
    mail = await served(mailet("ICalendarParser", context), with_calendars("icsAttachments", sources))
    found = mail.attributes["calendars"]
    assert isinstance(found, dict)
    assert set(found) == {"good", "text", "marked", "latin"}


async def test_the_number_of_calendars_is_limited(context: MailetContext) -> None:
    sources: AttributeValue = {str(number): BARE.encode() for number in range(MAX_CALENDARS + 1)}
    mail = await served(mailet("ICalendarParser", context), with_calendars("icsAttachments", sources))
    found = mail.attributes["calendars"]
    assert isinstance(found, dict)
    assert len(found) == MAX_CALENDARS


@pytest.mark.parametrize("name", ["ICalendarParser", "ICALToHeader", "ICALToJsonAttribute", "ICSSanitizer"])
@pytest.mark.parametrize("attributes", [{}, {"icsAttachments": 1, "icalendar": [b"x"]}, {"icalendar": {"a": b"x"}}])
async def test_a_mail_without_calendars_is_not_touched(
    context: MailetContext, name: str, attributes: dict[str, AttributeValue]
) -> None:
    mail = mail_of()
    mail.attributes = dict(attributes)
    content = mail.content
    assert (await served(mailet(name, context), mail)).content == content


async def test_header_fields_of_the_sender_are_replaced(context: MailetContext) -> None:
    forged = "X-MEETING-METHOD: CANCEL\r\nX-Meeting-UID: forged\r\n" + HEADER + "\r\n"
    mail = await served(mailet("ICALToHeader", context), with_calendars("icalendar", {"a": BARE.encode()}, forged))
    text = await text_of(mail)
    assert "X-MEETING-UID: task-1\r\n" in text
    assert "forged" not in text
    assert "CANCEL" not in text


async def test_a_uid_cannot_add_header_fields(context: MailetContext) -> None:
    calendar = BARE.replace("task-1", "a\\nBcc: c@d.example").encode()
    mail = await served(mailet("ICALToHeader", context), with_calendars("icalendar", {"a": calendar}))
    assert "X-MEETING-UID: a Bcc: c@d.example\r\n" in await text_of(mail)


@pytest.mark.parametrize(
    ("header", "sender", "expected"),
    [
        ("From: a@b.example, c@d.example\r\nReply-To: R <r@d.example>\r\n\r\n", SENDER, ("a@b.example", "r@d.example")),
        ("Subject: x\r\n\r\n", SENDER, (SENDER, SENDER)),
        ("From: undisclosed:;\r\nReply-To: nothing\r\n\r\n", SENDER, (SENDER, SENDER)),
    ],
)
async def test_sender_and_reply_address(
    context: MailetContext, header: str, sender: str, expected: tuple[str, str]
) -> None:
    mail = mail_of(header, sender)
    mail.attributes = {"icalendar": {"a": BARE.encode()}, "attachments": {"a": BARE.encode()}}
    (told,) = parsed(await served(mailet("ICALToJsonAttribute", context), mail))
    assert (told["sender"], told["replyTo"]) == expected
    assert (told["sequence"], told["dtstamp"], told["method"], told["recurrence-id"]) == ("0", None, None, None)


async def test_without_sender_uid_or_text_there_is_no_json(context: MailetContext) -> None:
    made = mailet("ICALToJsonAttribute", context)
    mail = mail_of("Subject: x\r\n\r\n", None)
    mail.attributes = {"icalendar": {"a": BARE.encode()}, "attachments": {"a": BARE.encode()}}
    assert "icalendarJson" not in (await served(made, mail)).attributes
    without_uid = BARE.replace("UID:task-1\r\n", "").encode()
    mail = with_calendars("icalendar", {"no-uid": without_uid, "no-text": BARE.encode()})
    mail.attributes["attachments"] = {"no-uid": without_uid}
    assert parsed(await served(made, mail)) == []


LINES = EVENT.removesuffix("\r\n").split("\r\n")
IN_LINES = "Content-Type: text/calendar; charset=utf-8\r\nContent-ID: <1@a>\r\n" + EVENT + "\r\n"
IN_PARAMETERS = (
    'Content-Type: text/calendar; charset=utf-8; name="' + "\r\n ".join(LINES) + '"\r\nContent-ID: <1@a>\r\n\r\n'
)
CUT_BY_AN_EMPTY_LINE = "Content-ID: <1@a>\r\nContent-Type: text/calendar; charset=utf-8\r\n" + "\r\n".join(
    [*LINES[:4], "", *LINES[4:], ""]
)


@pytest.mark.parametrize("part", [IN_LINES, IN_PARAMETERS, CUT_BY_AN_EMPTY_LINE])
async def test_a_calendar_in_the_header_becomes_the_body(context: MailetContext, part: str) -> None:
    message = (
        HEADER
        + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\n"
        f"{part}\r\n--b--\r\n"
    )
    mail = await served(mailet("ICSSanitizer", context), mail_of(message))
    body = await mail.content.body.read()
    text, calendar = describe(mail.content.header, body).root.children
    assert text_of_part(text, body) == "hello"
    assert text_of_part(calendar, body).split() == EVENT.split()
    assert dict(calendar.parameters)[b"method"] == b"REQUEST"
    assert calendar.id == b"<1@a>"
    again = await served(mailet("ICSSanitizer", context), mail)
    assert await again.content.body.read() == body


async def test_a_message_that_is_a_calendar_in_its_header_is_repaired(context: MailetContext) -> None:
    mail = await served(mailet("ICSSanitizer", context), mail_of(HEADER + IN_PARAMETERS))
    body = await mail.content.body.read()
    root = describe(mail.content.header, body).root
    assert text_of_part(root, body).split() == EVENT.split()
    assert b"Subject: Meeting\r\n" in mail.content.header


@pytest.mark.parametrize("message", [INVITATION, HEADER + "Content-Type: text/calendar\r\n\r\n"])
async def test_other_messages_keep_their_octets(context: MailetContext, message: str) -> None:
    assert await text_of(await served(mailet("ICSSanitizer", context), mail_of(message))) == message


@pytest.mark.parametrize("name", ["ICalendarParser", "ICALToHeader", "ICALToJsonAttribute", "ICSSanitizer"])
async def test_unknown_parameters_are_told(context: MailetContext, name: str) -> None:
    with pytest.raises(InvalidArgument):
        mailet(name, context, atribute="x")
