"""Settings as an operator wrote them, read with a type, a default and a place for every complaint.

A `Node` is one XML element, or one properties file whose keys are its children. A `Settings` reader wraps a node; each
component reads what it knows with it into its own frozen dataclass, then calls `finish`, which reports settings that no component
has read. Mistakes never raise: they gather in `Problems`, and the default is used, so that all are reported at once.
"""

import difflib
import enum
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from compostela.base.errors import InvalidArgument
from compostela.base.units import parse_duration, parse_size

T = TypeVar("T")
E = TypeVar("E", bound=enum.Enum)
SHOWN_CHARACTERS = 40
"""Of a text that means nothing."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """File (as the operator knows it) and line, 0 when there is none."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Severity(enum.Enum):
    ERROR = "error"
    """The server must not start."""
    WARNING = "warning"
    """It starts; the operator should know."""
    NOT_YET = "not yet in effect"
    """Understood and accepted, but the part that it configures does not exist yet."""
    NO_EFFECT = "without effect"
    """Understood and accepted, and it will never mean anything here."""


@dataclass(frozen=True, slots=True)
class Problem:
    severity: Severity
    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(slots=True)
class Problems:
    """All complaints of one reading of the configuration."""

    found: list[Problem] = field(default_factory=list)

    def error(self, place: Place, message: str) -> None:
        self.found.append(Problem(Severity.ERROR, place, message))

    def warning(self, place: Place, message: str) -> None:
        self.found.append(Problem(Severity.WARNING, place, message))

    def not_yet(self, place: Place, message: str) -> None:
        self.found.append(Problem(Severity.NOT_YET, place, message))

    def no_effect(self, place: Place, message: str) -> None:
        self.found.append(Problem(Severity.NO_EFFECT, place, message))

    def of(self, severity: Severity) -> list[Problem]:
        return sorted((p for p in self.found if p.severity is severity), key=lambda p: p.place)


@dataclass(slots=True)
class Node:
    """One element or key. `text` is stripped and interpolated."""

    name: str
    place: Place
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` with the nearest known name, or nothing."""
    lower = {k.lower(): k for k in sorted(known)}
    close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
    return f"; did you mean {lower[close[0]]!r}?" if close else ""


class Settings:
    """Typed access to a node. Every accessor takes a name, or a path `auth/required`; the element and `@attribute` forms
    both work. A name that was asked for is known; `finish` reports the others."""

    def __init__(self, node: Node, problems: Problems) -> None:
        self.node = node
        self.problems = problems
        self._known: set[str] = set()
        self._values: set[str] = set()
        self._opened: set[str] = set()
        self._is_body_known = False
        self._sections: dict[str, Settings] = {}

    @property
    def place(self) -> Place:
        return self.node.place

    @property
    def known(self) -> Collection[str]:
        """The names that were asked for."""
        return self._known

    @property
    def body(self) -> str:
        """The text of the element itself."""
        self._is_body_known = True
        return self.node.text

    # reading

    def text(self, name: str, default: T) -> str | T:
        """The text of the element or attribute; `default` when it is absent."""
        self._note_value(name)
        found = self._find(name)
        return default if found is None else found[0]

    def required(self, name: str) -> str:
        """As `text`, but absence or emptiness is an error."""
        value = self.text(name, "")
        if not value:
            self.problems.error(self.place, f"<{self.node.name}> needs {name!r}")
        return value

    def boolean(self, name: str, default: bool) -> bool:
        return self._convert(name, default, _boolean)

    def integer(self, name: str, default: int, *, minimum: int | None = None, maximum: int | None = None) -> int:
        def convert(text: str) -> int:
            try:
                number = int(text)
            except ValueError:
                raise InvalidArgument(f"{text!r} is not a whole number") from None
            if minimum is not None and number < minimum:
                raise InvalidArgument(f"must be at least {minimum}, but is {number}")
            if maximum is not None and number > maximum:
                raise InvalidArgument(f"must be at most {maximum}, but is {number}")
            return number

        return self._convert(name, default, convert)

    def duration(self, name: str, default: float, *, unit: str = "s", minimum: float = 0.0) -> float:
        """Seconds; `unit` is that of a bare number."""

        def convert(text: str) -> float:
            seconds = parse_duration(text, unit)
            if seconds < minimum:
                raise InvalidArgument(f"must be at least {minimum:g} s, but is {text!r}")
            return seconds

        return self._convert(name, default, convert)

    def size(self, name: str, default: int, *, unit: str = "B") -> int:
        """Octets; `unit` is that of a bare number."""
        return self._convert(name, default, lambda text: parse_size(text, unit))

    def choice(self, name: str, default: E, names: dict[str, E]) -> E:
        """One of `names`, in any case."""

        def convert(text: str) -> E:
            try:
                return {k.lower(): v for k, v in names.items()}[text.lower()]
            except KeyError:
                raise InvalidArgument(f"{text!r} is none of {', '.join(names)}{nearest(text, names)}") from None

        return self._convert(name, default, convert)

    def parsed(self, name: str, default: T, parse: Callable[[str], T]) -> T:
        """Through `parse`, which raises `InvalidArgument`."""
        return self._convert(name, default, parse)

    def strings(self, name: str, default: Sequence[str] = ()) -> list[str]:
        """A comma-separated list, or several elements of the name; empty items dropped."""
        self._note_value(name)
        texts = [node.text for node in self._nodes(name)]
        attribute = self._attribute(name)
        if attribute is not None:
            texts.append(attribute)
        if not texts:
            return list(default)
        return [item.strip() for text in texts for item in text.split(",") if item.strip()]

    def section(self, name: str) -> "Settings | None":
        """The reader of a child element, None when it is absent."""
        if name not in self._sections:
            nodes = self._nodes(name)
            if not nodes:
                return None
            if len(nodes) > 1:
                self.problems.error(nodes[1].place, f"duplicate element <{name}> in <{self.node.name}>")
            self._sections[name] = Settings(nodes[0], self.problems)
        return self._sections[name]

    def sections(self, name: str) -> list["Settings"]:
        """Readers of all children of a name or path, in order. The caller finishes each."""
        head, _, rest = name.partition("/")
        self._known.add(head)
        if rest:
            outer = self.section(head)
            return outer.sections(rest) if outer is not None else []
        self._opened.add(name)
        return [Settings(node, self.problems) for node in self._nodes(name)]

    def children(self) -> Iterator["Settings"]:
        """Readers of all children, which are all known then."""
        for node in self.node.children:
            self._known.add(node.name)
            self._opened.add(node.name)
            yield Settings(node, self.problems)

    def place_of(self, name: str) -> Place:
        """The place of the element, key or attribute of that name, else of the node itself."""
        nodes = self._nodes(name)
        if nodes:
            return nodes[0].place
        head, _, rest = name.partition("/")
        section = self.section(head) if rest else None
        return section.place_of(rest) if section is not None else self.place

    def has(self, name: str) -> bool:
        return self._find(name) is not None or bool(self._nodes(name))

    # complaints

    def error(self, message: str, name: str | None = None) -> None:
        self.problems.error(self.place_of(name) if name else self.place, message)

    def ignored(self, *names: str) -> None:
        """Names that are accepted, have no meaning here, and are listed."""
        for name in names:
            if self.has(name):
                self.problems.no_effect(self.place_of(name), f"{name!r} has no effect here")
            self._mark_all(name)

    def read_elsewhere(self, *names: str) -> None:
        """Names that another reader of the same node takes."""
        for name in names:
            self._mark_all(name)

    def not_yet(self, *names: str) -> None:
        """Names of parts that do not exist yet: accepted and listed."""
        for name in names:
            if self.has(name):
                self.problems.not_yet(self.place_of(name), f"{name!r} is not yet in effect")
            self._mark_all(name)

    def finish(self) -> None:
        """Report unknown elements and attributes here, in the sections that were opened, and in elements of which only the text
        was read. Report text that was not read."""
        self._report_unknown()
        if self.node.text and not self._is_body_known:
            self.problems.warning(
                self.place, f"the text {_shortened(self.node.text)!r} in <{self.node.name}> means nothing"
            )
        for section in self._sections.values():
            section.finish()

    # inside

    def _report_unknown(self) -> None:
        for node in self.node.children:
            if node.name not in self._known:
                self.problems.error(
                    node.place, f"unknown {node.name!r} in <{self.node.name}>{nearest(node.name, self._known)}"
                )
            elif node.name in self._values and node.name not in self._opened and node.name not in self._sections:
                Settings(node, self.problems)._report_unknown()
        for name in self.node.attributes:
            if name not in self._known:
                self.problems.error(
                    self.place, f"unknown attribute {name!r} of <{self.node.name}>{nearest(name, self._known)}"
                )

    def _mark_all(self, name: str) -> None:
        head, _, rest = name.partition("/")
        self._known.add(head)
        if rest:
            section = self.section(head)
            if section is not None:
                section._mark_all(rest)

    def _nodes(self, name: str) -> list[Node]:
        head, _, rest = name.partition("/")
        self._known.add(head)
        if rest:
            section = self.section(head)
            return section._nodes(rest) if section is not None else []
        return [node for node in self.node.children if node.name == name]

    def _attribute(self, name: str) -> str | None:
        head, _, rest = name.partition("/")
        if rest:
            section = self.section(head)
            return section._attribute(rest) if section is not None else None
        return self.node.attributes.get(name)

    def _find(self, name: str) -> tuple[str, Place] | None:
        nodes = self._nodes(name)
        if len(nodes) > 1:
            self.problems.error(nodes[1].place, f"duplicate element <{name}> in <{self.node.name}>")
        if nodes:
            return nodes[0].text, nodes[0].place
        attribute = self._attribute(name)
        return None if attribute is None else (attribute, self.place)

    def _note_value(self, name: str) -> None:
        """Of the element only the text is asked for."""
        head, _, rest = name.partition("/")
        if not rest:
            self._values.add(head)
        elif (section := self.section(head)) is not None:
            section._note_value(rest)

    def _convert(self, name: str, default: T, convert: Callable[[str], T]) -> T:
        self._note_value(name)
        found = self._find(name)
        if found is None or found[0] == "":
            return default
        try:
            return convert(found[0])
        except InvalidArgument as wrong:
            self.problems.error(found[1], f"{name}: {wrong}")
            return default


def _boolean(text: str) -> bool:
    lower = text.lower()
    if lower in ("true", "yes", "on"):
        return True
    if lower in ("false", "no", "off"):
        return False
    raise InvalidArgument(f"{text!r} is neither true nor false")


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
