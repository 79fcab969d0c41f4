"""Reading mailetcontainer.xml: processors, matchers and mailets, with every complaint at its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Duration, Integer, Size, Text
from compostela.base.declared import Declared, read
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.mail.hops import MAX_RECEIVED
from compostela.core.mail.model import ERROR, GHOST, ROOT, TRANSPORT
from compostela.core.repository.ports import RepositoryUrl
from compostela.core.repository.settings import RepositorySettings
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import MailetContext, Matcher
from compostela.processing.mailets.headers import RemoveMimeHeader
from compostela.processing.mailets.hops import ReceivedLimit
from compostela.processing.matchers.composites import COMPOSITES
from compostela.processing.processor import OnException, Pair, Policy, Processor
from compostela.processing.registry import find_mailet, find_matcher
from compostela.processing.workers import DRAIN_SECONDS

_MAILET_POLICIES = {"ignore": Policy.IGNORE, "propagate": Policy.PROPAGATE}
_MATCHER_POLICIES = {
    "nomatch": Policy.NO_MATCH,
    "matchall": Policy.MATCH_ALL,
    "ignore": Policy.IGNORE,
    "propagate": Policy.PROPAGATE,
}
DEFAULT_WORKERS = 100
TRACE_SECONDS = 3 * 86400.0
TRACE_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SpoolerSettings(Declared):
    """The parts of mailetcontainer.xml besides the processors."""

    WITHOUT_EFFECT = ("enableJmx",)

    postmaster: Annotated[str, Text("context/postmaster")] = "postmaster"
    """Address, or a local part to which the default domain is added."""
    workers: Annotated[int, Integer("spooler/threads", minimum=0)] = DEFAULT_WORKERS
    """Mails in process at once; 0 switches the spooler off."""
    max_received: Annotated[int, Integer("spooler/maxReceived", minimum=1)] = MAX_RECEIVED
    """Received fields of one mail; with more it is in a loop and goes to the error processor (RFC 5321 §6.3)."""
    drain_seconds: Annotated[float, Duration("spooler/drainTime")] = DRAIN_SECONDS
    """How long mails in process may go on when the server stops; then they are cut off and processed again later."""
    trace_seconds: Annotated[float, Duration("spooler/traceRetention")] = TRACE_SECONDS
    """How long it is kept what happened to mails, for `compostela trace`; 0: nothing is recorded."""
    trace_bytes: Annotated[int, Size("spooler/traceMaxSize")] = TRACE_BYTES
    """How much of it is kept at most, of the whole installation; the oldest goes first. 0: nothing is recorded."""
    error_repository: Annotated[str, Text("spooler/errorRepository")] = "var/mail/error/"
    """Where mails go whose processing keeps failing."""


def read_spooler_settings(root: Node, problems: Problems) -> SpoolerSettings:
    """Reads `context` and `spooler`; `build_processors` reads the rest."""
    settings = Settings(root, problems)
    made = read(SpoolerSettings, settings)
    settings.read_elsewhere("processors")
    settings.finish()
    return made


def postmaster_address(settings: SpoolerSettings, default_domain: str) -> MailAddress:
    """Raises `InvalidArgument`."""
    text = settings.postmaster
    return MailAddress.parse(text if "@" in text else f"{text}@{default_domain}")


def build_processors(root: Node, problems: Problems, context: MailetContext) -> list[Processor]:
    """All processors; complaints go to `problems`."""
    container = Settings(root, problems)
    section = container.section("processors")
    if section is None:
        container.error("<processors> is missing")
        return []
    section.ignored("enableJmx")
    # these were read before, with their complaints
    spooler = read_spooler_settings(root, Problems())
    processors: list[Processor] = []
    references: list[tuple[Settings, str]] = []
    for settings in section.sections("processor"):
        builder = _ProcessorBuilder(settings, context, references)
        processors.append(builder.build())
    processors = [_guarded(one, spooler.max_received, context) for one in processors]
    names = [processor.name for processor in processors]
    _check_names(section, names, references)
    _check_bcc(section, processors)
    section.finish()
    return processors


def _guarded(processor: Processor, max_received: int, context: MailetContext) -> Processor:
    """The root processor with the guard against loops in front, so that no configuration can forget it."""
    if processor.name != ROOT:
        return processor
    nothing = Settings(Node("mailet", Place("")), Problems())
    guard = Pair(None, False, ReceivedLimit(nothing, context, max_received))
    return Processor(processor.name, (guard, *processor.pairs))


def error_repository(settings: SpoolerSettings, repositories: RepositorySettings) -> RepositoryUrl:
    """Raises `InvalidArgument`."""
    return repositories.url(settings.error_repository)


def _check_names(section: Settings, names: list[str], references: Sequence[tuple[Settings, str]]) -> None:
    for needed in (ROOT, ERROR):
        if needed not in names:
            section.error(f"the processor {needed!r} is missing")
    for name in {name for name in names if names.count(name) > 1}:
        section.error(f"there are two processors {name!r}")
    if GHOST in names:
        section.error(f"the name {GHOST!r} is reserved")
    for place, name in references:
        if name not in names and name != GHOST:
            place.error(f"there is no processor {name!r}")


def _check_bcc(section: Settings, processors: Sequence[Processor]) -> None:
    for processor in processors:
        if processor.name == TRANSPORT and not any(
            isinstance(pair.mailet, RemoveMimeHeader) and pair.matcher is None and pair.mailet.removes(b"bcc")
            for pair in processor.pairs
        ):
            section.error("the transport processor must remove Bcc: <mailet match='All' class='RemoveMimeHeader'> bcc")


class _ProcessorBuilder:
    def __init__(self, settings: Settings, context: MailetContext, references: list[tuple[Settings, str]]) -> None:
        self._settings = settings
        self._context = context
        self._references = references
        self._named: dict[str, Matcher] = {}

    def build(self) -> Processor:
        name = self._settings.required("state")
        self._settings.ignored("enableJmx")
        for matcher in self._settings.sections("matcher"):
            self._define(matcher)
        pairs = [self._pair(mailet) for mailet in self._settings.sections("mailet")]
        self._settings.finish()
        return Processor(name, tuple(pair for pair in pairs if pair is not None))

    def _define(self, settings: Settings) -> None:
        name = settings.required("name")
        if name in self._named:
            settings.error(f"there are two matchers {name!r}")
        matcher = self._operand(settings)
        if matcher is not None:
            self._named[name] = matcher

    def _operand(self, settings: Settings) -> Matcher | None:
        """A matcher element, with those inside it when it is a composite."""
        text, inverted = self._match_of(settings)
        short = text.rpartition(".")[2]
        if short in COMPOSITES:
            operands = [self._inner(child) for child in settings.sections("matcher")]
            built: Matcher | None = COMPOSITES[short](
                [operand for operand in operands if operand is not None], settings, self._context
            )
        else:
            built = self._matcher(text, settings)
        settings.finish()
        if built is not None and inverted:
            return COMPOSITES["Not"]([built], settings, self._context)
        return built

    def _inner(self, settings: Settings) -> Matcher | None:
        settings.ignored("name")
        return self._operand(settings)

    def _matcher(self, text: str, settings: Settings) -> Matcher | None:
        if text in self._named:
            return self._named[text]
        name, _, condition = text.partition("=")
        factory = find_matcher(name.strip(), settings, self._named)
        if factory is None:
            return None
        try:
            return factory(condition.strip(), settings, self._context)
        except InvalidArgument as wrong:
            settings.error(f"{name}: {wrong}")
            return None

    def _match_of(self, settings: Settings) -> tuple[str, bool]:
        match, unmatch = settings.text("match", ""), settings.text("notmatch", "")
        if match and unmatch:
            settings.error("match and notmatch can't be used together")
        return (match or unmatch or "All"), bool(unmatch)

    def _pair(self, settings: Settings) -> Pair | None:
        text, inverted = self._match_of(settings)
        matcher = self._matcher(text, settings)
        on_matcher = self._policy(settings, "onMatchException", _MATCHER_POLICIES)
        on_mailet = self._policy(settings, "onMailetException", _MAILET_POLICIES)
        factory = find_mailet(settings.required("class"), settings)
        if factory is None:
            return None
        try:
            mailet = factory(settings, self._context)
        except InvalidArgument as wrong:
            settings.error(str(wrong))
            return None
        settings.finish()
        self._references += [(settings, name) for name in mailet.processors]
        if matcher is None:
            return None
        return Pair(None if matcher.matches_all else matcher, inverted, mailet, on_matcher, on_mailet)

    def _policy(self, settings: Settings, name: str, policies: dict[str, Policy]) -> OnException:
        text = settings.text(name, ERROR)
        if text.lower() in policies:
            return policies[text.lower()]
        self._references.append((settings, text))
        return text
