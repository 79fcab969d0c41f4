"""Settings that are declared once: on the field of the settings class that holds them.

A field's annotation gives the element's name, type and bounds, the field's default is the element's default, and the docstring under the
field is its meaning. `read` makes the class from what an operator wrote, so `compostela check` complains by the same declaration, and
`python -m tools.reference` writes the reference from `elements`:

    @dataclass(frozen=True, slots=True)
    class HealthSettings:
        period_seconds: Annotated[float, Duration("healthcheck.period", unit="ms", minimum=10.0)] = 60.0
        \"\"\"Time between two runs of the checks.\"\"\"

    read_health_settings = Reader(HealthSettings)

A class may be a part of another: `Group` is one element inside (or none: the same element), `Each` any number of them. A class that is
derived from `Declared` also names elements without effect, and checks what does not fit together. See decision record 0016.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Self, TypeVar, get_args, get_type_hints

from compostela.base.declarations import REQUIRED, Declaration
from compostela.base.settings import Node, Settings

NO_DEFAULTS: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Group:
    """A field whose class declares further elements. They are in the element of that name, or beside those of the class itself. If the
    element is absent, the field has its default; without a default all that is inside has its own."""

    element: str = ""
    when: str = ""
    """Name of a field inside. If it is false or empty, the value is None."""
    defaults: Mapping[str, object] = field(default_factory=dict)
    """Of the fields inside, in the place of their own."""

    @property
    def prefix(self) -> str:
        return f"{self.element}/" if self.element else ""


@dataclass(frozen=True, slots=True)
class Each:
    """A tuple with an object for each element of that name."""

    element: str
    """The name, or the path."""
    finish: bool = True
    """Report what is unknown inside. If false, that is left to a later reader."""

    @property
    def prefix(self) -> str:
        return f"{self.element}/"


@dataclass(frozen=True, slots=True)
class Taken:
    """A field that is no element: `take` makes its value of the settings themselves, such as their place."""

    take: Callable[[Settings], object]


class Declared:
    """Base of a class of settings that says more than its fields do."""

    __slots__ = ()

    WITHOUT_EFFECT: ClassVar[tuple[str, ...]] = ()
    """Elements that are accepted and never have an effect."""
    NOT_YET: ClassVar[tuple[str, ...]] = ()
    """Elements of parts that do not exist yet."""

    def completed(self, settings: Settings) -> Self:  # noqa: ARG002 - those of derived classes use it
        """Report what does not fit together. Return the settings as they are used, if some values follow from others."""
        return self


@dataclass(frozen=True, slots=True)
class NoSettings(Declared):
    """Nothing is declared."""


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
    preferred: str = ""
    """The name of which this one is another spelling."""


T = TypeVar("T")


def read(declared: type[T], settings: Settings, defaults: Mapping[str, object] = NO_DEFAULTS, **given: object) -> T:
    """Make `declared` from `settings`. `defaults` are in the place of those of the fields, and `given` are the fields that are read by
    other means. The caller calls `settings.finish`."""
    values: dict[str, object] = dict(given)
    kind: type = declared
    for one, inside, declaration in _declarations(kind):
        if one.name not in given:
            values[one.name] = _value(declaration, inside, settings, defaults.get(one.name, _default(one)))
    made = declared(**values)
    if isinstance(made, Declared):
        made = made.completed(settings)
        settings.ignored(*made.WITHOUT_EFFECT)
        settings.not_yet(*made.NOT_YET)
    return made


@dataclass(frozen=True, slots=True)
class Reader(Generic[T]):
    """Reads a whole file into `declared`."""

    declared: type[T]

    def __call__(self, settings: Settings) -> T:
        made = read(self.declared, settings)
        settings.finish()
        return made


def elements(declared: type, defaults: Mapping[str, object] = NO_DEFAULTS, prefix: str = "") -> Iterator[Element]:
    """Yield what a class declares, in the order of its fields. `prefix` is the path of the element that holds them."""
    for one, inside, declaration in _declarations(declared):
        match declaration:
            case Group():
                yield from elements(inside, declaration.defaults, prefix + declaration.prefix)
            case Each():
                yield from elements(inside, prefix=prefix + declaration.prefix)
            case Declaration():
                default = defaults.get(one.name, _default(one))
                is_required = declaration.required or default is MISSING
                shown = REQUIRED if is_required else declaration.shown(default)
                owner = next(base for base in declared.__mro__ if one.name in vars(base).get("__annotations__", ()))
                name = (prefix + declaration.name).rstrip("/")
                yield Element(name, declaration.kind, shown, owner, one.name)
                for older in declaration.older:
                    yield Element(prefix + older, declaration.kind, shown, owner, one.name, name)


def without_effect(declared: type, prefix: str = "") -> Iterator[str]:
    """Yield the elements that are accepted and never have an effect, those of the parts of the class included."""
    for path, part in _parts(declared, prefix):
        yield from (path + name for name in part.WITHOUT_EFFECT)


def not_yet(declared: type, prefix: str = "") -> Iterator[str]:
    """Yield the elements of parts of the server that do not exist yet."""
    for path, part in _parts(declared, prefix):
        yield from (path + name for name in part.NOT_YET)


def _parts(declared: type, prefix: str) -> Iterator[tuple[str, type[Declared]]]:
    """A class and those of its groups, if they are derived from `Declared`, with the paths of their elements."""
    if issubclass(declared, Declared):
        yield prefix, declared
    for _, inside, declaration in _declarations(declared):
        if isinstance(declaration, Group | Each):
            yield from _parts(inside, prefix + declaration.prefix)


def _value(declaration: "_AnyDeclaration", inside: type, settings: Settings, default: Any) -> object:
    match declaration:
        case Taken():
            return declaration.take(settings)
        case Group():
            return _group(declaration, inside, settings, default)
        case Each():
            return tuple(_each(declaration, inside, settings))
        case Declaration():
            return declaration.read(settings, default)


def _group(group: Group, inside: type, settings: Settings, default: Any) -> object:
    section: Settings | None = settings
    for name in filter(None, group.element.split("/")):
        section = section.section(name) if section is not None else None
    if section is None:
        if default is not MISSING:
            return default
        section = Settings(Node(group.element, settings.place), settings.problems)
    made: object = read(inside, section, group.defaults)
    return made if not group.when or getattr(made, group.when) else None


def _each(each: Each, inside: type, settings: Settings) -> Iterator[object]:
    for section in settings.sections(each.element):
        yield read(inside, section)
        if each.finish:
            section.finish()


def _default(one: "Field[Any]") -> Any:
    return one.default if one.default_factory is MISSING else one.default_factory()


_AnyDeclaration = Declaration | Group | Each | Taken


@cache
def _declarations(declared: type) -> "tuple[tuple[Field[Any], type, _AnyDeclaration], ...]":
    """The declared fields, the class that a group or each of a tuple is made of, and the declarations."""
    hints = get_type_hints(declared, include_extras=True)
    return tuple(
        (one, _inside(hints[one.name].__origin__), given)
        for one in fields(declared)
        for given in getattr(hints[one.name], "__metadata__", ())
        if isinstance(given, _AnyDeclaration)
    )


def _inside(hint: Any) -> type:
    """The settings class of `X`, `X | None` and `tuple[X, ...]`; else the hint itself."""
    return next((one for one in (hint, *get_args(hint)) if isinstance(one, type) and is_dataclass(one)), hint)
