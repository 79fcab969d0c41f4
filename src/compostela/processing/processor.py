"""Executing processors: matchers choose recipients, mailets act, parts go their own ways."""

import enum
import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field

from compostela.core.mail.attributes import MAILET_ERROR
from compostela.core.mail.model import ERROR, GHOST, Mail
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import Mailet, Matcher
from compostela.processing.pipeline_run import PipelineRun, part_name

_log = logging.getLogger(__name__)

MAX_STATE_CHANGES = 100
"""Processors that one part may pass: more is a loop of the configuration."""


class Policy(enum.Enum):
    """What to do with an exception; the name of a processor is the other possibility."""

    IGNORE = "ignore"
    PROPAGATE = "propagate"
    NO_MATCH = "nomatch"
    MATCH_ALL = "matchall"


OnException = Policy | str


class PropagatedError(Exception):
    """An exception whose policy is to let the whole mail be processed again."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A matcher and its mailet; `matcher` is None for one that matches everybody."""

    matcher: Matcher | None
    inverted: bool
    mailet: Mailet
    on_matcher_exception: OnException = ERROR
    on_mailet_exception: OnException = ERROR


@dataclass(frozen=True, slots=True)
class Processor:
    """Pairs in order."""

    name: str
    pairs: Sequence[Pair] = field(default_factory=tuple)


class MailProcessors:
    """All processors. A mail is executed by the processor that its state names, then by that of its new state, and so on
    until it is a ghost. Nothing a mail did not ask for is lost: see `_fell_off`."""

    def __init__(self, processors: Sequence[Processor]) -> None:
        self._processors = {processor.name: processor for processor in processors}

    @property
    def mailets(self) -> list[Mailet]:
        return [pair.mailet for processor in self._processors.values() for pair in processor.pairs]

    async def execute(self, mail: Mail, run: PipelineRun) -> None:
        """Raises `PropagatedError`, and what the error processor itself propagates."""
        parts = [(mail, 0)]
        while parts:
            part, changes = parts.pop()
            if part.state == GHOST or not part.recipients:
                continue
            if changes >= MAX_STATE_CHANGES:
                raise PropagatedError(f"the mail passed {changes} processors: the configuration has a loop")
            processor = self._processors.get(part.state)
            if processor is None:
                _log.error("there is no processor %r", part.state, extra={"mail": part.name})
                part.error_message = f"there is no processor {part.state!r}"
                part.state = ERROR
                processor = self._processors[ERROR]
            left = await self._through(processor, part, run)
            parts += [(one, changes + 1) for one in reversed(left)]

    async def _through(self, processor: Processor, mail: Mail, run: PipelineRun) -> list[Mail]:
        """Runs a mail through a processor; gives the parts that left it for another one."""
        left: list[Mail] = []
        here = mail.state
        staying = [mail]
        for number, pair in enumerate(processor.pairs):
            going_on: list[Mail] = []
            for one in staying:
                for part, matched in await self._split(pair, one, here, run, number):
                    if matched:
                        run.at(here, number)
                        await self._serve(pair, part, here, run)
                    if part.state != here:
                        if part.state != GHOST:
                            left.append(part)
                    elif part.recipients:
                        going_on.append(part)
            staying = going_on
            if not staying:
                break
        for one in staying:
            _log.error(
                "a mail fell off the end of a processor and is lost to its recipients",
                extra={"mail": one.name, "processor": here, "recipients": len(one.recipients)},
            )
        return left

    async def _split(self, pair: Pair, mail: Mail, here: str, run: PipelineRun, number: int) -> list[tuple[Mail, bool]]:
        """The mail whole, or the part that matched and the rest."""
        if pair.matcher is None:
            return [(mail, not pair.inverted)]
        run.at(here, number)
        try:
            found = await pair.matcher.match(mail)
        except Exception as error:
            found = self._matcher_failed(pair, mail, here, error)
            if mail.state != here:
                return [(mail, False)]
        if pair.inverted:
            excluded = set(found)
            found = [recipient for recipient in mail.recipients if recipient not in excluded]
        if not found:
            return [(mail, False)]
        if len(found) == len(mail.recipients):
            return [(mail, True)]
        wanted = set(found)
        matched = mail.copy(part_name(mail), [one for one in mail.recipients if one in wanted])
        matched.attributes["matched"] = True
        mail.recipients = [one for one in mail.recipients if one not in wanted]
        return [(matched, True), (mail, False)]

    def _matcher_failed(self, pair: Pair, mail: Mail, here: str, error: Exception) -> Sequence[MailAddress]:
        match pair.on_matcher_exception:
            case Policy.NO_MATCH | Policy.IGNORE:
                _log.warning("a matcher failed and matches nobody", exc_info=error, extra={"mail": mail.name})
                return []
            case Policy.MATCH_ALL:
                _log.warning("a matcher failed and matches everybody", exc_info=error, extra={"mail": mail.name})
                return mail.recipients
            case policy:
                self._failed(mail, here, error, policy)
                return []

    async def _serve(self, pair: Pair, mail: Mail, here: str, run: PipelineRun) -> None:
        try:
            await pair.mailet.service(mail, run)
        except Exception as error:
            if pair.on_mailet_exception is Policy.IGNORE:
                _log.warning("a mailet failed and is ignored", exc_info=error, extra={"mail": mail.name})
                return
            self._failed(mail, here, error, pair.on_mailet_exception)

    @staticmethod
    def _failed(mail: Mail, here: str, error: Exception, policy: OnException) -> None:
        if policy is Policy.PROPAGATE:
            raise PropagatedError(str(error)) from error
        if here == ERROR:
            # the error processor is the last resort: it must not hand a mail to itself again
            _log.error("the error processor failed", exc_info=error, extra={"mail": mail.name})
            return
        _log.error("a mail could not be processed", exc_info=error, extra={"mail": mail.name, "processor": here})
        mail.error_message = "".join(traceback.format_exception(error))
        mail.attributes[MAILET_ERROR] = f"{type(error).__module__}.{type(error).__qualname__}: {error}"
        mail.state = policy.value if isinstance(policy, Policy) else policy
