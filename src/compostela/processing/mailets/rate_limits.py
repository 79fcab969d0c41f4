"""Mailets that send mails beyond a rate to another processor."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from compostela.base.settings import Settings
from compostela.core.mail.model import ERROR, Mail
from compostela.core.queue.model import SPOOL
from compostela.core.rate_limits.ports import RateLimit
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun, part_name

_log = logging.getLogger(__name__)

LEAST_DURATION_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Quantities:
    """Of one mail, by the names of the parameters that limit them."""

    count: int
    recipients: int
    size: int
    total_size: int


@dataclass(frozen=True, slots=True)
class _Limits:
    """What is configured, by the name of the parameter."""

    prefix: str
    by_name: Sequence[tuple[str, RateLimit]]


class _RateLimitMailet(Mailet):
    """`duration` and at least one of `count` (mails), `recipients`, `size` (octets of the mail), `totalSize` (octets times
    recipients). A mail that would pass one of the limits goes to `exceededProcessor`. `keyPrefix` tells mailets apart that shall count
    for themselves. The window slides. A mail that a crash sends through the pipeline again counts again."""

    scope = ""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._exceeded = settings.text("exceededProcessor", ERROR)
        self.processors = (self._exceeded,)
        self._limits = _read_limits(settings)

    async def _is_within(self, who: str, quantities: _Quantities) -> bool:
        """Takes from every limit of a key. One that is refused ends it; what was taken before stays taken."""
        amounts = {
            "count": quantities.count,
            "recipients": quantities.recipients,
            "size": quantities.size,
            "totalSize": quantities.total_size,
        }
        for name, limit in self._limits.by_name:
            key = f"{self._limits.prefix}{self.scope}/{name}/{who}"
            if not await self.context.rate_limits.take(key, amounts[name], limit):
                _log.info("rate limit exceeded", extra={"scope": self.scope, "who": who, "limit": name})
                return False
        return True

    async def _check_whole(self, mail: Mail, who: str) -> None:
        size, recipients = mail.content.size, len(mail.recipients)
        if not await self._is_within(who, _Quantities(1, recipients, size, size * recipients)):
            mail.state = self._exceeded


class GlobalRateLimit(_RateLimitMailet):
    """Limits all mails together."""

    scope = "global"

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        await self._check_whole(mail, "")


class PerSenderRateLimit(_RateLimitMailet):
    """Limits the mails of each sender. Mails without one (reports) are not limited."""

    scope = "sender"

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if mail.sender is not None:
            await self._check_whole(mail, str(mail.sender).lower())


class PerRecipientRateLimit(_RateLimitMailet):
    """Limits the mails to each recipient: those beyond it go to `exceededProcessor`, the mail goes on to the others. For one recipient
    `totalSize` is `size`."""

    scope = "recipient"

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        size = mail.content.size
        quantities = _Quantities(1, 1, size, size)
        exceeded = [one for one in mail.recipients if not await self._is_within(str(one).lower(), quantities)]
        if len(exceeded) == len(mail.recipients):
            mail.state = self._exceeded
        elif exceeded:
            await self._split(mail, exceeded, run)

    async def _split(self, mail: Mail, exceeded: list[MailAddress], run: PipelineRun) -> None:
        effect = run.effect("exceeded", *exceeded)
        rest = mail.copy(part_name(mail, effect), exceeded)
        rest.state = self._exceeded
        await self.context.queues.queue(SPOOL).enqueue(rest, effect=effect)
        mail.recipients = [one for one in mail.recipients if one not in exceeded]


def _read_limits(settings: Settings) -> _Limits:
    settings.required("duration")
    seconds = settings.duration("duration", LEAST_DURATION_SECONDS, minimum=LEAST_DURATION_SECONDS)
    quantities = {
        "count": settings.integer("count", 0, minimum=1),
        "recipients": settings.integer("recipients", 0, minimum=1),
        "size": settings.size("size", 0),
        "totalSize": settings.size("totalSize", 0),
    }
    given = {name: quantity for name, quantity in quantities.items() if settings.has(name)}
    if not given:
        settings.error(f"nothing is limited: give at least one of {', '.join(quantities)}")
    for name, quantity in given.items():
        if quantity == 0:
            settings.error("must be more than 0", name)
    # the window always slides, and an engine that does not answer is passed over after its own time limit
    settings.ignored("precision", "rateLimiterTimeout")
    prefix = settings.text("keyPrefix", "")
    return _Limits(
        f"{prefix}/" if prefix else "", [(name, RateLimit(number, seconds)) for name, number in given.items()]
    )
