"""Parameters of mailets and SMTP hooks: settings that note what is asked of them. The reader of a mailet, run on them, tells every name that
it knows, with its type and its default. What a name means is in the docstring of the mailet.

Elements of configuration files are declared instead, see `tools.reference.configuration`."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from compostela.base.declarations import Boolean, Choice, Declaration, Duration, Integer, Many, Parsed, Size, Text
from compostela.base.settings import Node, Place, Problems, Settings
from tools.reference.rows import Row, Rows, shown

ELEMENTS = "element, any number"


def record(read: Callable[[Settings], object], name: str) -> Rows:
    """What a reader asks of the element `name`."""
    rows = Rows()
    read(RecordingSettings(name, rows))
    for path in [*rows.not_yet, *rows.without_effect]:
        rows.elements.pop(path, None)
    for path, row in list(rows.elements.items()):
        if row.kind == ELEMENTS and any(other.startswith(path + "/") for other in rows.elements):
            del rows.elements[path]
    return rows


class RecordingSettings(Settings):
    """Gives defaults and takes notes."""

    def __init__(self, name: str, rows: Rows, prefix: str = "") -> None:
        super().__init__(Node(name, Place(name)), Problems())
        self._rows = rows
        self._prefix = prefix

    def _note(self, declaration: Declaration, default: Any) -> None:
        row = Row(declaration.kind, "required" if declaration.required else shown(declaration.shown(default)), "")
        self._rows.elements.setdefault(self._prefix + declaration.name, row)

    def text(self, name: str, default: Any) -> Any:  # Any: as the method that it takes the place of
        self._note(Text(name), default)
        return default

    def required(self, name: str) -> str:
        self._note(Text(name, required=True), None)
        return name

    def boolean(self, name: str, default: bool) -> bool:
        self._note(Boolean(name), default)
        return default

    def integer(self, name: str, default: int, *, minimum: int | None = None, maximum: int | None = None) -> int:
        self._note(Integer(name, minimum, maximum), default)
        return default

    def duration(self, name: str, default: float, *, unit: str = "s", minimum: float = 0.0) -> float:
        self._note(Duration(name, unit, minimum), default)
        return default

    def size(self, name: str, default: int, *, unit: str = "B") -> int:
        self._note(Size(name, unit), default)
        return default

    def choice(self, name: str, default: Any, names: dict[str, Any]) -> Any:  # Any: likewise
        self._note(Choice(name, names), default)
        return default

    def parsed(self, name: str, default: Any, parse: Callable[[str], Any]) -> Any:
        self._note(Parsed(name, parse), default)
        return default

    def strings(self, name: str, default: Sequence[str] = ()) -> list[str]:
        self._note(Many(name), tuple(default))
        return list(default)

    def section(self, name: str) -> Settings:
        return RecordingSettings(name, self._rows, f"{self._prefix}{name}/")

    def sections(self, name: str) -> list[Settings]:
        self._rows.elements.setdefault(self._prefix + name, Row(ELEMENTS, shown(()), ""))
        return [self.section(name)]

    def children(self) -> Iterator[Settings]:
        self._rows.elements[f"{self._prefix}*"] = Row("elements of any name", shown(()), "")
        return iter(())

    def has(self, name: str) -> bool:  # noqa: ARG002 - the interface's
        return False

    def ignored(self, *names: str) -> None:
        self._rows.without_effect.update({self._prefix + name: None for name in names})

    def not_yet(self, *names: str) -> None:
        self._rows.not_yet.update({self._prefix + name: None for name in names})

    def finish(self) -> None:
        return
