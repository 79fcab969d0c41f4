"""The kinds of elements of a configuration file: name, type and bounds, in the annotation of a field (see `compostela.base.declared`).

A module may derive its own kind from `Declaration`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass, field
from enum import Enum
from typing import Any

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings

REQUIRED = "required"
"""In the place of a default in the reference."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """One element with one value."""

    name: str
    """The element's name, or its path as `Settings` takes it."""
    older: tuple[str, ...] = field(default=(), kw_only=True)
    """Other spellings, read if the name itself is absent. The first is preferred to the second."""

    @property
    def kind(self) -> str:
        """The type with its bounds, for the reference."""
        return "text"

    def read(self, settings: Settings, default: Any) -> object:  # Any: the default has the type of its field
        """Return the value, or `default` if the element is absent or wrong. A wrong one is reported in the problems of `settings`. The
        default of a required element is `MISSING`."""
        for name in (*reversed(self.older), self.name):
            default = self.read_named(settings, name, default)
        return default

    def read_named(self, settings: Settings, name: str, default: Any) -> object:
        """Do that for one of the names."""
        raise NotImplementedError

    def shown(self, default: object) -> object:
        """Return the default as the reference shows it: a text, or a value of Python's own types."""
        return default


@dataclass(frozen=True, slots=True)
class Text(Declaration):
    """Any text. A field without a default is required."""

    required: bool = False
    """It is required all the same: the default is for settings that are made in code."""

    def read_named(self, settings: Settings, name: str, default: Any) -> object:
        return settings.required(name) if self.required or default is MISSING else settings.text(name, default)

    def shown(self, default: object) -> object:
        return REQUIRED if self.required else default


@dataclass(frozen=True, slots=True)
class Boolean(Declaration):
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
class Integer(Declaration):
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
class Duration(Declaration):
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
        return f"{default:.9g} s"


@dataclass(frozen=True, slots=True)
class Size(Declaration):
    """A number of octets; `unit` is that of a bare number."""

    unit: str = "B"

    @property
    def kind(self) -> str:
        return f"size (a bare number is in {self.unit})"

    def read_named(self, settings: Settings, name: str, default: Any) -> object:
        return settings.size(name, default, unit=self.unit)


@dataclass(frozen=True, slots=True)
class Choice(Declaration):
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
class Parsed(Declaration):
    """A text that `parse` turns into the field's value; it raises `InvalidArgument` with what is wrong. An empty text is an absent one. A
    field without a default is required."""

    parse: Callable[[str], object]
    form: str = "text"
    """The type for the reference."""

    @property
    def kind(self) -> str:
        return self.form

    def read_named(self, settings: Settings, name: str, default: Any) -> object:
        if default is MISSING:
            settings.required(name)
            default = ""
        return settings.parsed(name, default, self.parse)


@dataclass(frozen=True, slots=True)
class Many(Declaration):
    """Texts with commas between them, or in several elements, those of other spellings included. Each goes through `parse`, which raises
    `InvalidArgument`; a wrong one is reported and left out. `into` makes the field's value of them."""

    parse: Callable[[str], object] = str
    into: Callable[[list[Any]], object] = tuple

    @property
    def kind(self) -> str:
        return "list"

    def read(self, settings: Settings, default: Any) -> object:
        texts = [(name, text) for name in (self.name, *self.older) for text in settings.strings(name)]
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
        return tuple(default) if isinstance(default, Collection) and not isinstance(default, str) else default
