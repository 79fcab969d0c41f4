"""Mailets that change the recipients of a mail, or when it is processed."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from compostela.base.declarations import Integer, Parsed
from compostela.base.declared import Declared, read
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.mail.model import GHOST, Mail
from compostela.core.queue.model import SPOOL
from compostela.mime import addresses, headers
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun, part_name

_MAIL_FOR = b"Mail-For"
_FIELDS = (b"To", b"Cc", b"Bcc")
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class SplitMailSettings:
    """Parameters of `SplitMail`."""

    size: Annotated[int, Integer("batchSize", minimum=1)] = 100
    """Recipients of one mail."""


class SplitMail(Mailet):
    """Cuts a mail with more than `batchSize` recipients into several, of which the others start in this processor again."""

    parameters = SplitMailSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._size = read(SplitMailSettings, settings).size

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        everybody = mail.recipients
        for start in range(self._size, len(everybody), self._size):
            recipients = everybody[start : start + self._size]
            effect = run.effect("split", *recipients)
            batch = mail.copy(part_name(mail, effect), recipients)
            await self.context.queues.queue(SPOOL).enqueue(batch, effect=effect)
        mail.recipients = everybody[: self._size]


@dataclass(frozen=True, slots=True)
class UseHeaderRecipientsSettings(Declared):
    """Parameters of `UseHeaderRecipients`."""

    WITHOUT_EFFECT = ("debug",)


class UseHeaderRecipients(Mailet):
    """Makes the addresses of the field Mail-For, which is removed, or else of To, Cc and Bcc the recipients. Without any, the
    recipients stay."""

    parameters = UseHeaderRecipientsSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        read(UseHeaderRecipientsSettings, settings)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        fields = headers.Headers(mail.content.header)
        names = (_MAIL_FOR,) if _MAIL_FOR in fields else _FIELDS
        found = [one for name in names for value in fields.get_all(name) for one in mailboxes(value)]
        if found:
            mail.recipients = list(dict.fromkeys(found))
        if _MAIL_FOR in fields:
            mail.content = mail.content.with_header(headers.remove(mail.content.header, [_MAIL_FOR]))


def mailboxes(value: bytes) -> list[MailAddress]:
    """The addresses in a header value that can be those of an envelope: octets that are not UTF-8 are not."""
    found = []
    for one in addresses.parse(value):
        if one.mailbox is None or one.host is None:
            continue
        try:
            found.append(MailAddress.parse(f"{one.mailbox.decode()}@{one.host.decode()}"))
        except (InvalidArgument, UnicodeDecodeError):
            continue
    return found


def _zone(text: str) -> tzinfo:
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, KeyError) as error:
        raise InvalidArgument(f"{text!r} is not a time zone such as Europe/Paris") from error


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise InvalidArgument(f"{text!r} is not a time such as 08:00:00") from None


@dataclass(frozen=True, slots=True)
class DeconnectionRightSettings(Declared):
    """Parameters of `DeconnectionRight`."""

    zone: Annotated[tzinfo, Parsed("zoneId", _zone, "time zone", required=True)] = UTC
    """The time zone, as `Europe/Paris`."""
    start: Annotated[time, Parsed("workDayStart", _time, "time", required=True)] = time()
    """When the working day begins, as `08:00:00`."""
    end: Annotated[time, Parsed("workDayEnd", _time, "time", required=True)] = time.max
    """When it ends."""

    def completed(self, settings: Settings) -> Self:
        if self.start >= self.end:
            settings.error("'workDayStart' is not before 'workDayEnd'", "workDayStart")
        return self


class DeconnectionRight(Mailet):
    """Keeps mail that comes outside working hours, `workDayStart` to `workDayEnd` (`08:00:00`) in the time zone `zoneId` from Monday
    to Friday, until the next working day begins. It starts in this processor again then."""

    parameters = DeconnectionRightSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(DeconnectionRightSettings, settings)
        self._zone, self._start, self._end = made.zone, made.start, made.end

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        delay = self._delay(datetime.fromtimestamp(self.context.clock.now(), self._zone))
        if delay > 0:
            effect = run.effect("later", *mail.recipients)
            later = mail.copy(part_name(mail, effect), mail.recipients)
            await self.context.queues.queue(SPOOL).enqueue(later, delay_seconds=delay, effect=effect)
            mail.state = GHOST

    def _delay(self, now: datetime) -> float:
        """Seconds to the beginning of work, 0 while it lasts."""
        day = now.date()
        if now.weekday() < _SATURDAY and now.time() < self._end:
            if now.time() >= self._start:
                return 0.0
        else:
            day += timedelta(days=1)
            while day.weekday() >= _SATURDAY:
                day += timedelta(days=1)
        return datetime.combine(day, self._start, self._zone).timestamp() - now.timestamp()
