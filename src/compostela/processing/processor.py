"""Executing processors: matchers choose recipients, mailets act, parts go their own ways."""

import enum
import logging
import traceback
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from compostela.base.errors import TemporaryFailure
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
    matches_all: bool = field(init=False)
    """True if the mailet gets each mail whole, as most mailets do."""
    matcher_text: str = field(init=False)
    """The matcher as the configuration has it."""
    text: str = field(init=False)
    """The matcher and the name of the mailet, as a trace shows them."""

    def __post_init__(self) -> None:
        matcher_text = _matcher_text(self.matcher, self.inverted)
        object.__setattr__(self, "matches_all", self.matcher is None and not self.inverted)
        object.__setattr__(self, "matcher_text", matcher_text)
        object.__setattr__(self, "text", f"{matcher_text} -> {type(self.mailet).__name__}")


@dataclass(frozen=True, slots=True)
class Processor:
    """Pairs in order."""

    name: str
    pairs: Sequence[Pair] = field(default_factory=tuple)


class _Part(NamedTuple):
    """A mail on its way through the processors, or what was split off it, with its run."""

    mail: Mail
    run: PipelineRun


class Before(NamedTuple):
    """What a mail was like before a mailet had it."""

    sender: MailAddress | None
    recipients: tuple[MailAddress, ...]
    header: bytes
    state: str


class PipelineObserver(ABC):
    """Is told of each step."""

    sees_all = True
    """False: it sees only the steps that may have changed sender, recipients, header or state. `passes_by` and `serves` are not called."""

    @abstractmethod
    def passes_by(self, pair: Pair, mail: Mail, processor: str) -> None:
        """The matcher matched none of the mail's recipients."""

    @abstractmethod
    def serves(self, pair: Pair, mail: Mail, processor: str) -> bool:
        """The mailet is about to get the mail. Return False to leave it out."""

    @abstractmethod
    def served(self, pair: Pair, mail: Mail, processor: str, before: Before) -> None:
        """The mailet had the mail, or was left out; `before` is the mail as it was. Not called for each step: see `sees_all`."""

    @abstractmethod
    def falls_off(self, mail: Mail, processor: str) -> bool:
        """No pair is left for the mail. Return whether a mail is lost by it, and not only in a dry run."""


class MailProcessors:
    """All processors. A mail is executed by the processor that its state names, then by that of its new state, and so on
    until it is a ghost. Nothing a mail did not ask for is lost: see `_fell_off`."""

    def __init__(self, processors: Sequence[Processor], observer: PipelineObserver | None = None) -> None:
        self._observer = observer
        self._processors = {processor.name: processor for processor in processors}
        self._steps = {one.name: list(zip(one.pairs, _places(one), strict=True)) for one in processors}
        """The pairs of each processor with their places."""

    @property
    def mailets(self) -> list[Mailet]:
        return [pair.mailet for processor in self._processors.values() for pair in processor.pairs]

    async def execute(self, mail: Mail, run: PipelineRun) -> None:
        """Raises `PropagatedError`, and what the error processor itself propagates."""
        parts = [_Part(mail, PipelineRun(run.entry, is_whole=True))]
        while parts:
            part = parts.pop()
            one = part.mail
            if one.state == GHOST or not one.recipients:
                continue
            passed = part.run.passed
            if passed >= MAX_STATE_CHANGES:
                raise PropagatedError(f"the mail passed {passed} processors: the configuration has a loop")
            if one.state not in self._steps:
                _log.error("there is no processor %r", one.state, extra={"mail": one.name})
                one.error_message = f"there is no processor {one.state!r}"
                one.state = ERROR
            left = await self._through(self._steps[one.state], part)
            for gone in left:
                gone.run.passed += 1
            parts += reversed(left)

    async def _through(self, steps: Sequence[tuple[Pair, str]], whole: _Part) -> list[_Part]:
        """Runs a mail through a processor; gives the parts that left it for another one."""
        left: list[_Part] = []
        here = whole.mail.state
        staying = [whole]
        is_told = _log.isEnabledFor(logging.DEBUG)
        for pair, place in steps:
            going_on: list[_Part] = []
            for one in staying:
                one.run.move_to(place)
                for part, matched in ((one, True),) if pair.matches_all else await self._split(pair, one, here):
                    mail = part.mail
                    if matched:
                        if is_told:
                            _tell(pair, mail, here)
                        await self._serve(pair, mail, here, part.run)
                    elif self._observer is not None and self._observer.sees_all:
                        self._observer.passes_by(pair, mail, here)
                    if mail.state != here:
                        if mail.state != GHOST:
                            left.append(part)
                    elif mail.recipients:
                        going_on.append(part)
            if not going_on:
                return left
            staying = going_on
        for one in staying:
            if self._observer is not None and not self._observer.falls_off(one.mail, here):
                continue
            _log.error(
                "a mail fell off the end of a processor and is lost to its recipients",
                extra={"mail": one.mail.name, "processor": here, "recipients": len(one.mail.recipients)},
            )
        return left

    async def _split(self, pair: Pair, part: _Part, here: str) -> list[tuple[_Part, bool]]:
        """The mail whole, or the part that matched and the rest."""
        if pair.matcher is None:
            return [(part, False)]
        mail = part.mail
        try:
            found = await pair.matcher.match(mail)
        except Exception as error:
            found = self._matcher_failed(pair, mail, here, error)
            if mail.state != here:
                return [(part, False)]
        if pair.inverted:
            excluded = set(found)
            found = [recipient for recipient in mail.recipients if recipient not in excluded]
        if not found:
            return [(part, False)]
        if len(found) == len(mail.recipients):
            return [(part, True)]
        wanted = set(found)
        recipients = [one for one in mail.recipients if one in wanted]
        effect = part.run.effect("split", *recipients)
        matched = mail.copy(part_name(mail, effect), recipients)
        matched.attributes["matched"] = True
        mail.recipients = [one for one in mail.recipients if one not in wanted]
        return [(_Part(matched, part.run.split_off(effect.token)), True), (part, False)]

    def _matcher_failed(self, pair: Pair, mail: Mail, here: str, error: Exception) -> Sequence[MailAddress]:
        match pair.on_matcher_exception:
            case Policy.NO_MATCH | Policy.IGNORE:
                _log.warning("a matcher failed and matches no recipient", exc_info=error, extra={"mail": mail.name})
                return []
            case Policy.MATCH_ALL:
                _log.warning("a matcher failed and matches everybody", exc_info=error, extra={"mail": mail.name})
                return mail.recipients
            case policy:
                self._failed(mail, here, error, policy)
                return []

    async def _serve(self, pair: Pair, mail: Mail, here: str, run: PipelineRun) -> None:
        observer = self._observer
        # no object for each step: nearly all change nothing that an observer wants to know
        sender, recipients, header, state = mail.sender, tuple(mail.recipients), mail.content.header, mail.state
        try:
            if observer is None or not observer.sees_all or observer.serves(pair, mail, here):
                await pair.mailet.service(mail, run)
        except Exception as error:
            if pair.on_mailet_exception is Policy.IGNORE:
                _log.warning("a mailet failed and is ignored", exc_info=error, extra={"mail": mail.name})
                return
            self._failed(mail, here, error, pair.on_mailet_exception)
        finally:
            if observer is not None and (
                observer.sees_all
                or mail.state != state
                or mail.content.header is not header
                or mail.sender is not sender
                or tuple(mail.recipients) != recipients
            ):
                observer.served(pair, mail, here, Before(sender, recipients, header, state))

    @staticmethod
    def _failed(mail: Mail, here: str, error: Exception, policy: OnException) -> None:
        # what the environment cannot do now is no fault of the mail: without a policy of its own it waits
        if policy is Policy.PROPAGATE or (policy == ERROR and isinstance(error, TemporaryFailure)):
            raise PropagatedError(str(error)) from error
        if here == ERROR:
            # the error processor is the last resort: it must not hand a mail to itself again
            _log.error("the error processor failed", exc_info=error, extra={"mail": mail.name})
            return
        _log.error("a mail could not be processed", exc_info=error, extra={"mail": mail.name, "processor": here})
        mail.error_message = "".join(traceback.format_exception(error))
        mail.attributes[MAILET_ERROR] = f"{type(error).__module__}.{type(error).__qualname__}: {error}"
        mail.state = policy.value if isinstance(policy, Policy) else policy


def _tell(pair: Pair, mail: Mail, here: str) -> None:
    _log.debug(
        "a mailet gets a mail",
        extra={
            "mail": mail.name,
            "processor": here,
            "matcher": pair.matcher_text,
            "mailet": type(pair.mailet).__name__,
            "recipients": len(mail.recipients),
        },
    )


def _matcher_text(matcher: Matcher | None, inverted: bool) -> str:
    if matcher is None:
        return "None" if inverted else "All"
    condition = f"={matcher.condition}" if matcher.condition else ""
    return f"{'Not ' if inverted else ''}{type(matcher).__name__}{condition}"


def error_line(mail: Mail) -> str:
    """The last line of the mail's error message, empty if there is none."""
    lines = (mail.error_message or "").strip().splitlines()
    return lines[-1] if lines else ""


def _places(processor: Processor) -> list[str]:
    """A name for each pair that does not depend on its position, but for pairs that look the same."""
    places: list[str] = []
    for pair in processor.pairs:
        matcher = "All" if pair.matcher is None else f"{type(pair.matcher).__qualname__}={pair.matcher.condition}"
        digest = blake2b(f"{pair.inverted} {matcher}".encode(), digest_size=3).hexdigest()
        place = f"{processor.name}/{type(pair.mailet).__qualname__}-{digest}"
        alike = sum(one.partition("+")[0] == place for one in places)
        places.append(f"{place}+{alike}" if alike else place)
    return places
