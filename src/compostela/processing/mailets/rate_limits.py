"""Mailets that send mails beyond a rate to another processor."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Self

from compostela.base.declarations import Duration, Integer, Size, Text
from compostela.base.declared import Declared, read
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


_QUANTITIES = ("count", "recipients", "size", "totalSize")


@dataclass(frozen=True, slots=True)
class RateLimitSettings(Declared):
    """Parameters of the three mailets. At least one quantity is limited."""

    # the window always slides, and an engine that does not answer is passed over after its own time limit
    WITHOUT_EFFECT = ("precision", "rateLimiterTimeout")

    seconds: Annotated[float, Duration("duration", minimum=LEAST_DURATION_SECONDS, required=True)] = (
        LEAST_DURATION_SECONDS
    )
    """Length of the window, which slides."""
    count: Annotated[int | None, Integer("count", minimum=1)] = None
    """Mails in a window."""
    recipients: Annotated[int | None, Integer("recipients", minimum=1)] = None
    """Recipients in a window."""
    size: Annotated[int | None, Size("size")] = None
    """Octets of the mails in a window."""
    total_size: Annotated[int | None, Size("totalSize")] = None
    """Octets of the mails in a window, counted for each recipient."""
    exceeded: Annotated[str, Text("exceededProcessor")] = ERROR
    """Processor for mails that would pass one of the limits."""
    prefix: Annotated[str, Text("keyPrefix")] = ""
    """Mailets with different prefixes count for themselves."""

    def completed(self, settings: Settings) -> Self:
        if not any(settings.has(name) for name in _QUANTITIES):
            settings.error(f"nothing is limited: give at least one of {', '.join(_QUANTITIES)}")
        for name, quantity in zip(_QUANTITIES, self._quantities, strict=True):
            is_empty = settings.has(name) and not settings.text(name, "")
            if is_empty or quantity == 0:
                settings.error("must be more than 0", name)
        return self

    @property
    def _quantities(self) -> tuple[int | None, ...]:
        return self.count, self.recipients, self.size, self.total_size

    @property
    def limits(self) -> _Limits:
        """What is limited."""
        given = zip(_QUANTITIES, self._quantities, strict=True)
        return _Limits(
            f"{self.prefix}/" if self.prefix else "",
            [(name, RateLimit(number, self.seconds)) for name, number in given if number],
        )


class _RateLimitMailet(Mailet):
    """A mail that would pass one of the limits goes to `exceededProcessor`. A mail that a crash sends through the pipeline again counts
    again."""

    parameters = RateLimitSettings
    scope = ""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(RateLimitSettings, settings)
        self._exceeded, self._limits = made.exceeded, made.limits
        self.processors = (self._exceeded,)

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
