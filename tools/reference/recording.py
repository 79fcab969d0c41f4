"""Parameters of mailets and SMTP hooks: settings that note what is asked of them. The reader of a mailet, run on them, tells every name that
it knows, with its type and its default. What a name means is in the docstring of the field of the settings class that it goes to.

Elements of configuration files are declared instead, see `tools.reference.configuration`."""

import ast
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from types import CodeType
from typing import Any

from compostela.base.settings import Node, Place, Problems, Settings
from tools.reference.rows import Row, Rows, field_docs, shown

ACCESSORS = frozenset(
    {"text", "required", "boolean", "integer", "duration", "size", "choice", "parsed", "strings", "sections"}
)
ELEMENTS = "element, any number"
_MAX_STEPS = 6


class Recorder:
    """What one run of a reader asked for, by path."""

    def __init__(self, *, flipped: bool = False) -> None:
        self.flipped = flipped
        self.rows = Rows()
        self.unavailable: set[str] = set()

    def settings(self, name: str, prefix: str = "") -> "RecordingSettings":
        return RecordingSettings(Node(name, Place(name)), Problems(), self, prefix)


def record(read: Callable[[Recorder], object]) -> Recorder:
    """Runs a reader twice: as if nothing were set, and with every switch the other way, which shows those that must not
    be turned."""
    usual, flipped = Recorder(), Recorder(flipped=True)
    read(usual)
    read(flipped)
    rows = usual.rows
    for path, row in rows.elements.items():
        if path in flipped.rows.not_yet:
            row.meaning = f"{row.meaning} Not yet in effect"
        elif path in flipped.unavailable - usual.unavailable:
            row.meaning = f"{row.meaning} Must not be turned on yet"
    for path in [*rows.not_yet, *rows.without_effect]:
        rows.elements.pop(path, None)
    for path, row in list(rows.elements.items()):
        if row.kind == ELEMENTS and any(other.startswith(path + "/") for other in rows.elements):
            del rows.elements[path]
    return usual


class RecordingSettings(Settings):
    """Gives defaults and takes notes."""

    def __init__(self, node: Node, problems: Problems, recorder: Recorder, prefix: str = "") -> None:
        super().__init__(node, problems)
        self._recorder = recorder
        self._prefix = prefix

    def _note(self, name: str, kind: str, default: object, text: str | None = None) -> None:
        meaning = _meaning(_caller(), name)
        row = Row(kind, shown(default) if text is None else text, meaning)
        known = self._recorder.rows.elements.setdefault(self._prefix + name, row)
        known.meaning = known.meaning or meaning

    def text(self, name: str, default: Any) -> Any:  # Any: as the method that it takes the place of
        self._note(name, "text", default)
        return default

    def required(self, name: str) -> str:
        self._note(name, "text", None, "required")
        return name

    def boolean(self, name: str, default: bool) -> bool:
        self._note(name, "true or false", default)
        return default is not self._recorder.flipped

    def integer(self, name: str, default: int, *, minimum: int | None = None, maximum: int | None = None) -> int:
        limits = [f"at least {minimum}"] * (minimum is not None) + [f"at most {maximum}"] * (maximum is not None)
        self._note(name, ", ".join(["whole number", *limits]), default)
        return default

    def duration(self, name: str, default: float, *, unit: str = "s", minimum: float = 0.0) -> float:
        limit = f", at least {minimum:g} s" if minimum else ""
        self._note(name, f"duration (a bare number is in {unit}){limit}", default, f"{default:g} s")
        return default

    def size(self, name: str, default: int, *, unit: str = "B") -> int:
        self._note(name, f"size (a bare number is in {unit})", default)
        return default

    def choice(self, name: str, default: Any, names: dict[str, Any]) -> Any:  # Any: likewise
        text = next((key for key, value in names.items() if value is default), shown(default))
        self._note(name, "one of " + ", ".join(f"`{key}`" for key in names), default, text)
        return default

    def parsed(self, name: str, default: Any, parse: Callable[[str], Any]) -> Any:  # noqa: ARG002 - the interface's
        self._note(name, "text", default)
        return default

    def strings(self, name: str, default: Sequence[str] = ()) -> list[str]:
        self._note(name, "list", list(default))
        return list(default)

    def section(self, name: str) -> Settings:
        return self._recorder.settings(name, f"{self._prefix}{name}/")

    def sections(self, name: str) -> list[Settings]:
        self._note(name, ELEMENTS, [])
        return [self.section(name)]

    def children(self) -> Iterator[Settings]:
        self._recorder.rows.elements[f"{self._prefix}*"] = Row("elements of any name", "none", "")
        return iter(())

    def has(self, name: str) -> bool:  # noqa: ARG002 - the interface's
        return False

    def error(self, message: str, name: str | None = None) -> None:  # noqa: ARG002 - the interface's
        if name is not None:
            self._recorder.unavailable.add(self._prefix + name)

    def ignored(self, *names: str) -> None:
        self._recorder.rows.without_effect.update({self._prefix + name: None for name in names})

    def not_yet(self, *names: str) -> None:
        self._recorder.rows.not_yet.update({self._prefix + name: None for name in names})

    def finish(self) -> None:
        return


# what a name means


def _caller() -> CodeType:
    """The code outside this module that asked."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename == __file__:
        assert frame.f_back is not None
        frame = frame.f_back
    return frame.f_code


@cache
def _meaning(code: CodeType, name: str) -> str:
    """The docstring of the field to which a function hands what it read under a name, by the shortest way."""
    module = inspect.getmodule(code)
    tree = ast.parse(inspect.getsource(code).lstrip() if module is None else inspect.getsource(module))
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name == code.co_name]
    found: list[tuple[int, str]] = []
    for function in functions:
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                settings = getattr(module, call.func.id, None)
                if isinstance(settings, type) and is_dataclass(settings):
                    docs = field_docs(settings)
                    for field, value in _arguments(call, settings):
                        steps = _steps_to(function, value, name)
                        if steps is not None:
                            found.append((steps, docs.get(field, "")))
    return min(found, default=(0, ""))[1]


def _arguments(call: ast.Call, settings: type) -> list[tuple[str, ast.expr]]:
    names = [field.name for field in fields(settings)]
    return [*zip(names, call.args, strict=False), *((one.arg, one.value) for one in call.keywords if one.arg)]


def _steps_to(function: ast.FunctionDef, value: ast.expr, name: str) -> int | None:
    """Over how many variables a value comes from what was read under a name; None when it does not."""
    seen: set[str] = set()
    expressions: list[ast.AST] = [value]
    for steps in range(_MAX_STEPS):
        nodes = [node for expression in expressions for node in ast.walk(expression)]
        if any(_reads(node, name) for node in nodes):
            return steps
        variables = {node.id for node in nodes if isinstance(node, ast.Name)} - seen
        seen |= variables
        expressions = [source for variable in variables for source in _sources(function, variable)]
    return None


def _reads(node: ast.AST, name: str) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ACCESSORS
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value == name
    )


def _sources(function: ast.FunctionDef, variable: str) -> Iterator[ast.expr]:
    """Whatever is put into a variable. A section is a place, not a value: what is read there is looked for by name."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[target], value=value) | ast.For(target=target, iter=value) if _is(
                target, variable
            ):
                yield value
            case ast.AnnAssign(target=target, value=ast.expr() as value) if _is(target, variable):
                yield value
            case ast.AugAssign(target=target, value=value) if _is(target, variable):
                yield value
            case ast.Call(func=ast.Attribute(value=receiver, attr="append" | "add"), args=[value]) if _is(
                receiver, variable
            ):
                yield value


def _is(target: ast.expr, variable: str) -> bool:
    return isinstance(target, ast.Name) and target.id == variable
