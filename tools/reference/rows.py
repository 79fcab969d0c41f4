"""Rows of the reference: elements of a file or parameters of a mailet, with what is said of names that have no effect."""

import ast
import inspect
import socket
from dataclasses import dataclass, field
from functools import cache

from compostela.base.declared import elements, not_yet, without_effect

MAX_DEFAULT = 60


@dataclass(slots=True)
class Row:
    """What is known of one name."""

    kind: str
    default: str
    meaning: str


@dataclass(slots=True)
class Rows:
    """By path, in the order of the page."""

    elements: dict[str, Row] = field(default_factory=dict)
    not_yet: dict[str, None] = field(default_factory=dict)
    without_effect: dict[str, None] = field(default_factory=dict)

    def table(self) -> list[str]:
        """The lines of the page. Without any meaning there is no column for it."""
        rows = [
            (path, one.kind, one.default, f"{one.meaning.rstrip('.')}." if one.meaning else "")
            for path, one in self.elements.items()
        ]
        columns = 4 if any(row[3] for row in rows) else 3
        lines = [
            f"| {' | '.join(row[:columns])} |"
            for row in [
                ("element", "type", "default", "meaning"),
                ("---",) * 4,
                *((f"`{path}`", *rest) for path, *rest in rows),
            ]
            if rows
        ]
        for title, names in (
            ("Not yet in effect", self.not_yet),
            ("Accepted, without meaning here", self.without_effect),
        ):
            if names:
                lines += [*[""] * bool(lines), f"{title}: " + ", ".join(f"`{name}`" for name in names) + "."]
        return lines


def rows_of(declared: type, prefix: str = "") -> Rows:
    """What a settings class declares."""
    names = dict.fromkeys(not_yet(declared, prefix))
    rows = {
        one.name: Row(
            one.kind,
            shown(one.default),
            f"As `{one.preferred}`" if one.preferred else meaning_of(one.owner, one.field),
        )
        for one in elements(declared, prefix=prefix)
        if one.name not in names
    }
    return Rows(rows, names, dict.fromkeys(without_effect(declared, prefix)))


def shown(value: object) -> str:
    """A default as the reference shows it."""
    match value:
        case bool():
            return str(value).lower()
        case None | "" | b"":
            return "none"
        case list() | tuple() | frozenset():
            return ", ".join(map(shown, value)) or "none"
        case str() if value == socket.gethostname():
            return "the machine's name"
        case str():
            text = " ".join(value.split()).replace("|", "\\|")
            return text if len(text) <= MAX_DEFAULT else text[:MAX_DEFAULT].rstrip() + " …"
        case float():
            return f"{value:g}"
        case int():
            return str(value)
        case _:
            return str(value) if value else "none"


def meaning_of(declared: type, field_name: str) -> str:
    """The docstring of a field, in the class or in the nearest base that has one."""
    docs = (field_docs(base) for base in declared.__mro__ if base is not object)
    return next((found[field_name] for found in docs if field_name in found), "")


@cache
def field_docs(settings: type) -> dict[str, str]:
    """The docstring under each field of a class."""
    (body,) = ast.parse(inspect.getsource(settings)).body
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for one, text in zip(body.body, body.body[1:], strict=False):
        match one, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str() as doc)),
            ):
                found[name] = " ".join(doc.split())
    return found
