"""The kinds of elements of a configuration file: name, type and bounds, in the annotation of a field (see `compostela.base.declared`).

A module may derive its own kind from `Declaration`, `Single` or `Listed`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass, field
from enum import Enum
from typing import Any

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings, nearest

REQUIRED = "required"
"""In the place of a default in the reference."""


@dataclass(frozen=True, slots=True)
class Declaration(ABC):
    """One element with one value."""

    name: str
    """The element's name, or its path as `Settings` takes it."""
    older: tuple[str, ...] = field(default=(), kw_only=True)
    """Other spellings, read if the name itself is absent. The first is preferred to the second."""
    required: bool = field(default=False, kw_only=True)
    """Its absence is an error, and the field's default is the value after that. `Text` and `Parsed` are also required if the field has no
    default."""

    @property
    def kind(self) -> str:
        """The type with its bounds, for the reference."""
        return "text"

    @abstractmethod
    def read(self, settings: Settings, default: Any) -> object:  # Any: the default has the type of its field
        """Return the value, or `default` if the element is absent or wrong. A wrong one is reported in the problems of `settings`, and
        so is the absence of a required one. `default` is `MISSING` if the field has none."""

    def shown(self, default: object) -> object:
        """Return the default as the reference shows it: a text, or a value of Python's own types."""
        return default


@dataclass(frozen=True, slots=True)
class Single(Declaration):
    """One value, under the name or another spelling."""

    def read(self, settings: Settings, default: Any) -> object:
        if (self.required or default is MISSING) and not any(settings.text(name, "") for name in self.older):
            settings.required(self.name)
        for name in (*reversed(self.older), self.name):
            default = self.read_named(settings, name, default)
        return default

    @abstractmethod
    def read_named(self, settings: Settings, name: str, default: Any) -> object:
        """Do what `read` does, for one of the names."""


@dataclass(frozen=True, slots=True)
class Listed(Declaration):
    """Several values: with commas between them, or in several elements."""

    @property
    def kind(self) -> str:
        return "list"


@dataclass(frozen=True, slots=True)
class Text(Single):
    """Any text. A field without a default is required."""

    def read_named(self, settings: Settings, name: str, default: Any) -> object:
        return settings.text(name, "" if default is MISSING else default)


@dataclass(frozen=True, slots=True)
class Boolean(Single):
    """True or false; with `inverted` the field says the opposite of the element."""

    inverted: bool = False

    @property
    def kind(self) -> str:
        return "true or false"

    def read_named(self, settings: Settings, name: str, default: Any) -> object:
        return settings.boolean(name, default is not self.inverted) is not self.inverted

    def shown(self, default: object) -> object:
        return default is not self.inverted


@dataclass(frozen=True, slots=True)
class Integer(Single):
    """A whole number within bounds, both included."""

    minimum: int | None = None
    maximum: int | None = None

    @property
    def kind(self) -> str:
        bounds = [f"at least {self.minimum}"] * (self.minimum is not None)
        bounds += [f"at most {self.maximum}"] * (self.maximum is not None)
        return ", ".join(["whole number", *bounds])

    def read_named(self, settings: Settings, name: str, default: Any) -> object:
        return settings.integer(name, default, minimum=self.minimum, maximum=self.maximum)


@dataclass(frozen=True, slots=True)
class Port(Integer):
    """A TCP port; 0 has a meaning of its own where the field says so."""

    minimum: int | None = 0
    maximum: int | None = 65_535


@dataclass(frozen=True, slots=True)
class Duration(Single):
    """A time, read as seconds; `unit` is that of a bare number, `minimum` is in seconds."""

    unit: str = "s"
    minimum: float = 0.0

    @property
    def kind(self) -> str:
        bound = f", at least {self.minimum:g} s" if self.minimum else ""
        return f"duration (a bare number is in {self.unit}){bound}"

    def read_named(self, settings: Settings, name: str, default: Any) -> object:
        return settings.duration(name, default, unit=self.unit, minimum=self.minimum)

    def shown(self, default: object) -> object:
        return default if default is None else f"{default:.9g} s"


@dataclass(frozen=True, slots=True)
class Size(Single):
    """A number of octets; `unit` is that of a bare number."""

    unit: str = "B"

    @property
    def kind(self) -> str:
        return f"size (a bare number is in {self.unit})"

    def read_named(self, settings: Settings, name: str, default: Any) -> object:
        return settings.size(name, default, unit=self.unit)


@dataclass(frozen=True, slots=True)
class Choice(Single):
    """One of `names`, in any case, as the value that belongs to it."""

    names: Mapping[str, Enum]

    @property
    def kind(self) -> str:
        return "one of " + ", ".join(f"`{name}`" for name in self.names)

    def read_named(self, settings: Settings, name: str, default: Any) -> object:
        return settings.choice(name, default, dict(self.names))

    def shown(self, default: object) -> object:
        return next((name for name, value in self.names.items() if value is default), None)


@dataclass(frozen=True, slots=True)
class Word(Single):
    """One of `words`, in any case, as that word in lower case."""

    words: tuple[str, ...]

    @property
    def kind(self) -> str:
        return "one of " + ", ".join(f"`{word}`" for word in self.words)

    def read_named(self, settings: Settings, name: str, default: Any) -> object:
        return settings.parsed(name, default, self._parse)

    def _parse(self, text: str) -> str:
        if text.lower() not in self.words:
            raise InvalidArgument(f"{text!r} is none of {', '.join(self.words)}{nearest(text, self.words)}")
        return text.lower()


@dataclass(frozen=True, slots=True)
class Parsed(Single):
    """A text that `parse` turns into the field's value; it raises `InvalidArgument` with what is wrong. An empty text is an absent one. A
    field without a default is required."""

    parse: Callable[[str], object]
    form: str = "text"
    """The type for the reference."""

    @property
    def kind(self) -> str:
        return self.form

    def read_named(self, settings: Settings, name: str, default: Any) -> object:
        return settings.parsed(name, "" if default is MISSING else default, self.parse)


@dataclass(frozen=True, slots=True)
class Body(Parsed):
    """The text of the element itself, whose name is empty here."""

    def read_named(self, settings: Settings, name: str, default: Any) -> object:  # noqa: ARG002 - it has none
        text = settings.body.strip()
        try:
            return self.parse(text)
        except InvalidArgument as wrong:
            settings.error(f"{text!r}: {wrong}")
            return default


@dataclass(frozen=True, slots=True)
class Texts(Single):
    """The texts of any number of elements, as they are; empty ones are left out."""

    @property
    def kind(self) -> str:
        return "element, any number"

    def read_named(self, settings: Settings, name: str, default: Any) -> object:
        return tuple(one.body for one in settings.sections(name) if one.body) or default


@dataclass(frozen=True, slots=True)
class Many(Listed):
    """Texts with commas between them, or in several elements, those of other spellings included. Each goes through `parse`, which raises
    `InvalidArgument`; a wrong one is reported and left out. `into` makes the field's value of them."""

    parse: Callable[[str], object] = str
    into: Callable[[list[Any]], object] = tuple

    def read(self, settings: Settings, default: Any) -> object:
        texts = [(name, text) for name in (self.name, *self.older) for text in settings.strings(name)]
        if self.required and not texts:
            settings.required(self.name)
        if not texts and default is not MISSING:
            return default
        found = []
        for name, text in texts:
            try:
                found.append(self.parse(text))
            except InvalidArgument as wrong:
                settings.error(f"{name}: {wrong}", name)
        return self.into(found)

    def shown(self, default: object) -> object:
        if isinstance(default, Collection) and not isinstance(default, str):
            return tuple(one.value if isinstance(one, Enum) else one for one in default)
        return default
