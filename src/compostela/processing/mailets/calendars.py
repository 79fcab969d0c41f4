"""Mailets for invitations: calendars (RFC 5545) that were taken out of a message are parsed, noted in its header and told as JSON.

The usual order is `StripAttachment` with `mimeType` text/calendar, `MimeDecodingMailet`, `ICalendarParser`, `ICALToHeader`,
`ICALToJsonAttribute`."""

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from compostela.base.declarations import Text
from compostela.base.declared import read
from compostela.base.settings import Settings
from compostela.core.mail.attributes import AttributeValue
from compostela.core.mail.model import Mail
from compostela.mime import addresses, headers
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.header_values import replace_field
from compostela.processing.pipeline_run import PipelineRun

if TYPE_CHECKING:
    from icalendar import Component

_log = logging.getLogger(__name__)

MAX_CALENDAR_BYTES = 1024 * 1024
"""Larger calendars are not parsed: one of this size takes about a second."""
MAX_CALENDARS = 100
"""Calendars of one mail; those after it are not parsed."""
_KINDS = ("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY")


@dataclass(frozen=True, slots=True)
class Meeting:
    """What a calendar tells of its first event, or else of its first task, journal entry or busy time: values as they are in the
    calendar, "" for what is missing."""

    uid: str
    method: str
    recurrence_id: str
    sequence: str
    dtstamp: str


def parse_meeting(octets: bytes) -> Meeting | None:
    """Return what the first calendar in `octets` tells; None if there is none, or more than `MAX_CALENDAR_BYTES`. Blocks for up to
    a second: for a thread."""
    # loaded for the first calendar
    from icalendar import Calendar

    if len(octets) > MAX_CALENDAR_BYTES:
        return None
    try:
        found = Calendar.from_ical(_text(octets), multiple=True)
    # the library promises no more than ValueError, and lets others through on malformed input
    except (ValueError, KeyError, IndexError, AttributeError, TypeError, RecursionError) as error:
        _log.debug("a calendar cannot be parsed", extra={"error": str(error)})
        return None
    calendar = next((one for one in found if one.name == "VCALENDAR"), None)
    if calendar is None:
        return None
    event = next((one for kind in _KINDS for one in calendar.subcomponents if one.name == kind), calendar)
    return Meeting(
        uid=_value(event, "UID"),
        method=_value(calendar, "METHOD"),
        recurrence_id=_value(event, "RECURRENCE-ID"),
        sequence=_value(event, "SEQUENCE"),
        dtstamp=_value(event, "DTSTAMP"),
    )


def _text(octets: bytes) -> str:
    """RFC 5545 §3.1.4: UTF-8; what is not is taken for Latin-1."""
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _value(component: "Component", name: str) -> str:
    value = component.get(name)
    if isinstance(value, list):
        value = value[0]
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    encoded = value.to_ical()
    return encoded.decode("utf-8", "replace") if isinstance(encoded, bytes) else str(encoded)


def _octets_in(value: AttributeValue) -> Iterator[tuple[str, bytes]]:
    """The entries of a map that are octets or text."""
    if isinstance(value, dict):
        for name, one in value.items():
            if isinstance(one, bytes):
                yield name, one
            elif isinstance(one, str):
                yield name, one.encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class ICalendarParserSettings:
    """Parameters of `ICalendarParser`."""

    source: Annotated[str, Text("sourceAttribute")] = "icsAttachments"
    """The map with what is parsed."""
    destination: Annotated[str, Text("destinationAttribute")] = "calendars"
    """The map for what is a calendar."""


class ICalendarParser(Mailet):
    """Parses the calendars in the map `sourceAttribute` (`icsAttachments`), as `StripAttachment` and `MimeDecodingMailet` leave them, and
    puts those that are calendars into the map `destinationAttribute` (`calendars`) under the same names: as octets, since attributes
    are kept with the mail. Calendars over 1 MiB, and those after the hundredth, are left out."""

    parameters = ICalendarParserSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(ICalendarParserSettings, settings)
        self._source, self._destination = made.source, made.destination

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if self._source not in mail.attributes:
            return
        candidates = list(_octets_in(mail.attributes[self._source]))
        parsed: dict[str, AttributeValue] = {
            name: octets
            for name, octets in candidates[:MAX_CALENDARS]
            if await asyncio.to_thread(parse_meeting, octets) is not None
        }
        if len(parsed) < len(candidates):
            extra = {"mail": mail.name, "attachments": len(candidates), "calendars": len(parsed)}
            _log.info("attachments of a mail are not calendars", extra=extra)
        mail.attributes[self._destination] = parsed


@dataclass(frozen=True, slots=True)
class ICALToHeaderSettings:
    """Parameters of `ICALToHeader`."""

    attribute: Annotated[str, Text("attribute")] = "icalendar"
    """The map with the calendars."""


class ICALToHeader(Mailet):
    """Notes the first calendar of the map `attribute` (`icalendar`) in the header: `X-MEETING-UID`, `X-MEETING-METHOD`,
    `X-MEETING-RECURRENCE-ID`, `X-MEETING-SEQUENCE` and `X-MEETING-DTSTAMP`, each if the calendar has it. Fields of these names that
    the message had are replaced."""

    parameters = ICALToHeaderSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._attribute = read(ICALToHeaderSettings, settings).attribute

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        first = next(_octets_in(mail.attributes.get(self._attribute)), None)
        meeting = await asyncio.to_thread(parse_meeting, first[1]) if first is not None else None
        if meeting is None:
            return
        noted = {
            "X-MEETING-UID": meeting.uid,
            "X-MEETING-METHOD": meeting.method,
            "X-MEETING-RECURRENCE-ID": meeting.recurrence_id,
            "X-MEETING-SEQUENCE": meeting.sequence,
            "X-MEETING-DTSTAMP": meeting.dtstamp,
        }
        mail.content = mail.content.with_header(headers.remove(mail.content.header, [name.encode() for name in noted]))
        for name, value in noted.items():
            if value:
                replace_field(mail, name, value)


@dataclass(frozen=True, slots=True)
class ICALToJsonAttributeSettings:
    """Parameters of `ICALToJsonAttribute`."""

    source: Annotated[str, Text("source")] = "icalendar"
    """The map with the calendars."""
    raw: Annotated[str, Text("rawSource")] = "attachments"
    """The map with their texts, under the same names."""
    destination: Annotated[str, Text("destination")] = "icalendarJson"
    """The map for the JSON objects."""


class ICALToJsonAttribute(Mailet):
    """Puts one JSON object for each recipient and each calendar of the map `source` (`icalendar`) into the map `destination`
    (`icalendarJson`), as octets under `calendar/recipient`: `ical` (the text in the map `rawSource`, by default `attachments`, under
    the same name), `sender` (of From, or else of the envelope), `replyTo` (or else the sender), `recipient`, `uid`, `sequence`
    (`0` if missing), and `dtstamp`, `method` and `recurrence-id`, which may be null. A calendar without UID or without its text, and a
    mail without sender, has no JSON."""

    parameters = ICALToJsonAttributeSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(ICALToJsonAttributeSettings, settings)
        self._source, self._raw, self._destination = made.source, made.raw, made.destination

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        calendars = list(_octets_in(mail.attributes.get(self._source)))[:MAX_CALENDARS]
        sender = _first_address(mail, b"From") or ("" if mail.sender is None else str(mail.sender))
        if not calendars or not sender:
            return
        reply_to = _first_address(mail, b"Reply-To") or sender
        raw = dict(_octets_in(mail.attributes.get(self._raw)))
        told: dict[str, AttributeValue] = {}
        for name, octets in calendars:
            meeting = await asyncio.to_thread(parse_meeting, octets)
            if meeting is None or not meeting.uid or name not in raw:
                extra = {"mail": mail.name, "calendar": name}
                _log.warning("a calendar without UID or text is not told as JSON", extra=extra)
                continue
            facts = _facts(meeting, _text(raw[name]), sender, reply_to)
            for recipient in mail.recipients:
                told[f"{name}/{recipient}"] = json.dumps({**facts, "recipient": str(recipient)}).encode()
        mail.attributes[self._destination] = told


def _facts(meeting: Meeting, text: str, sender: str, reply_to: str) -> dict[str, str | None]:
    return {
        "ical": text,
        "sender": sender,
        "replyTo": reply_to,
        "uid": meeting.uid,
        "sequence": meeting.sequence or "0",
        "dtstamp": meeting.dtstamp or None,
        "method": meeting.method or None,
        "recurrence-id": meeting.recurrence_id or None,
    }


def _first_address(mail: Mail, name: bytes) -> str:
    """The first mailbox of a header field; "" if there is none."""
    value = headers.Headers(mail.content.header).get(name) or b""
    return next((one.text() for one in addresses.parse(value) if one.mailbox and one.host), "")
