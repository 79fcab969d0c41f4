"""Settings that are declared once: on the field of the settings class that holds them.

A field's annotation gives the element's name, type and bounds, the field's default is the element's default, and the docstring under the
field is its meaning. `read` makes the class from what an operator wrote, so `compostela check` complains by the same declaration, and
`python -m tools.reference` writes the reference from `elements`:

    @dataclass(frozen=True, slots=True)
    class HealthSettings:
        period_seconds: Annotated[float, Duration("healthcheck.period", unit="ms", minimum=10.0)] = 60.0
        \"\"\"Time between two runs of the checks.\"\"\"

    read_health_settings = Reader(HealthSettings)

See decision record 0016.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from enum import Enum
from typing import Any, ClassVar, Generic, TypeVar, get_type_hints

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings


@dataclass(frozen=True, slots=True)
class _Named:
    name: str
    """The element's name, or its path as `Settings` takes it."""

    def shown(self, default: object) -> object:
        """Return the default as the reference shows it: a text, or a value of Python's own types."""
        return default


@dataclass(frozen=True, slots=True)
class Text(_Named):
    """Any text. A field without a default is required."""

    kind: ClassVar[str] = "text"
    """The type with its bounds, for the reference."""

    def read(self, settings: Settings, default: Any) -> object:  # Any: the default has the type of its field
        """Return the value, or `default` if the element is absent or wrong. A wrong one is reported in the problems of `settings`."""
        return settings.required(self.name) if default is MISSING else settings.text(self.name, default)


@dataclass(frozen=True, slots=True)
class Boolean(_Named):
    kind: ClassVar[str] = "true or false"

    def read(self, settings: Settings, default: Any) -> object:
        return settings.boolean(self.name, default)


@dataclass(frozen=True, slots=True)
class Integer(_Named):
    """A whole number within bounds, both included."""

    minimum: int | None = None
    maximum: int | None = None

    @property
    def kind(self) -> str:
        bounds = [f"at least {self.minimum}"] * (self.minimum is not None)
        bounds += [f"at most {self.maximum}"] * (self.maximum is not None)
        return ", ".join(["whole number", *bounds])

    def read(self, settings: Settings, default: Any) -> object:
        return settings.integer(self.name, default, minimum=self.minimum, maximum=self.maximum)


@dataclass(frozen=True, slots=True)
class Port(Integer):
    """A TCP port; 0 has a meaning of its own where the field says so."""

    minimum: int | None = 0
    maximum: int | None = 65_535


@dataclass(frozen=True, slots=True)
class Duration(_Named):
    """A time, read as seconds; `unit` is that of a bare number, `minimum` is in seconds."""

    unit: str = "s"
    minimum: float = 0.0

    @property
    def kind(self) -> str:
        bound = f", at least {self.minimum:g} s" if self.minimum else ""
        return f"duration (a bare number is in {self.unit}){bound}"

    def read(self, settings: Settings, default: Any) -> object:
        return settings.duration(self.name, default, unit=self.unit, minimum=self.minimum)

    def shown(self, default: object) -> object:
        return f"{default:g} s"


@dataclass(frozen=True, slots=True)
class Size(_Named):
    """A number of octets; `unit` is that of a bare number."""

    unit: str = "B"

    @property
    def kind(self) -> str:
        return f"size (a bare number is in {self.unit})"

    def read(self, settings: Settings, default: Any) -> object:
        return settings.size(self.name, default, unit=self.unit)


@dataclass(frozen=True, slots=True)
class Choice(_Named):
    """One of `names`, in any case, as the value that belongs to it."""

    names: Mapping[str, Enum]

    @property
    def kind(self) -> str:
        return "one of " + ", ".join(f"`{name}`" for name in self.names)

    def read(self, settings: Settings, default: Any) -> object:
        return settings.choice(self.name, default, dict(self.names))

    def shown(self, default: object) -> object:
        return next(name for name, value in self.names.items() if value is default)


@dataclass(frozen=True, slots=True)
class Parsed(_Named):
    """A text that `parse` turns into the field's value; it raises `InvalidArgument` with what is wrong. A field without a default is
    required."""

    parse: Callable[[str], object]
    kind: str = "text"

    def read(self, settings: Settings, default: Any) -> object:
        if default is MISSING:
            settings.required(self.name)
            default = ""
        return settings.parsed(self.name, default, self.parse)


@dataclass(frozen=True, slots=True)
class Many(_Named):
    """Texts with commas between them, as a tuple. Each goes through `parse`, which raises `InvalidArgument`; a wrong one is reported
    and left out."""

    parse: Callable[[str], object] = str
    kind: ClassVar[str] = "list"

    def read(self, settings: Settings, default: Any) -> object:
        texts = settings.strings(self.name)
        if not texts:
            return default
        found = []
        for text in texts:
            try:
                found.append(self.parse(text))
            except InvalidArgument as wrong:
                settings.error(f"{self.name}: {wrong}", self.name)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Group:
    """A field whose class declares further elements of the same file."""


Declaration = Text | Boolean | Integer | Duration | Size | Choice | Parsed | Many


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a class of settings, for the reference."""

    name: str
    kind: str
    default: object
    owner: type
    """The class that declares it."""
    field: str
    """The field, whose docstring is the meaning."""


Declared = TypeVar("Declared")


def read(declared: type[Declared], settings: Settings, **given: object) -> Declared:
    """Make `declared` from `settings`. `given` are the fields that are read by other means. The caller calls `settings.finish`."""
    values: dict[str, object] = dict(given)
    for field, kind, declaration in _declarations(declared):
        if isinstance(declaration, Group):
            values[field.name] = read(kind, settings)
        else:
            values[field.name] = declaration.read(settings, _default(field))
    return declared(**values)


@dataclass(frozen=True, slots=True)
class Reader(Generic[Declared]):
    """Reads a whole file into `declared`. `not_yet` names elements of parts that do not exist yet; `check` reports what does not fit
    together."""

    declared: type[Declared]
    not_yet: tuple[str, ...] = ()
    check: Callable[[Declared, Settings], None] | None = None

    def __call__(self, settings: Settings) -> Declared:
        made = read(self.declared, settings)
        if self.check is not None:
            self.check(made, settings)
        settings.not_yet(*self.not_yet)
        settings.finish()
        return made


def elements(declared: type) -> Iterator[Element]:
    """Yield what a class declares, in the order of its fields."""
    for field, kind, declaration in _declarations(declared):
        if isinstance(declaration, Group):
            yield from elements(kind)
        else:
            default = _default(field)
            shown = "required" if default is MISSING else declaration.shown(default)
            yield Element(declaration.name, declaration.kind, shown, declared, field.name)


def _default(field: "Field[Any]") -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _declarations(declared: type) -> "tuple[tuple[Field[Any], type, Declaration | Group], ...]":
    """The declared fields, the class of each field's value, and the declarations."""
    hints = get_type_hints(declared, include_extras=True)
    return tuple(
        (field, hints[field.name].__origin__, given)
        for field in fields(declared)
        for given in getattr(hints[field.name], "__metadata__", ())
        if isinstance(given, Declaration | Group)
    )
