"""docs/developers/mailet-tests.md: for each packaged mailet and matcher, tests that name it."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from compostela.processing.mailets import MAILETS
from compostela.processing.matchers import MATCHERS
from compostela.processing.matchers.composites import COMPOSITES

ROOT = Path(__file__).parents[2]
PATH = ROOT / "docs" / "developers" / "mailet-tests.md"
SHOWN = 2
"""Tests of one name in the table."""
_FOLDERS = ("tests/unit/processing", "tests/dialogues", "tests")
"""Tests of the first are shown before those of the others."""
_IN_XML = re.compile(r"""(?:class|match|notmatch)=["'](?:[\w.]+\.)?(\w+)""")
_ALONE = re.compile(r"(\w+)(?:=.*)?", re.DOTALL)
_HEAD = """<!-- Made from the tests by `make reference`. -->

# Tests of mailets and matchers

Every packaged mailet and matcher is named in a test: in a pipeline (`class="…"`, `match="…"`), or made by its name. At most two are shown here.
"""


@dataclass(frozen=True, order=True)
class Test:
    rank: int
    file: str
    name: str


def page() -> str:
    lines = [_HEAD]
    for title, names in (("Mailets", MAILETS), ("Matchers", {**MATCHERS, **COMPOSITES})):
        lines += [f"## {title}", "", "| name | tests |", "|---|---|"]
        lines += [f"| `{name}` | {', '.join(map(_link, naming(name)[:SHOWN]))} |" for name in sorted(names)]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def write() -> None:
    PATH.write_text(page())


def naming(name: str) -> list[Test]:
    """Those in the folder of the pipeline's own tests first."""
    return sorted(_tests().get(name, ()))


def _link(test: Test) -> str:
    return f"[{test.name}](../../{test.file})"


@cache
def _tests() -> Mapping[str, set[Test]]:
    known = {*MAILETS, *MATCHERS, *COMPOSITES}
    found: dict[str, set[Test]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        file = path.relative_to(ROOT).as_posix()
        if file.startswith("tests/structure/"):
            continue
        rank = next(number for number, folder in enumerate(_FOLDERS) if file.startswith(folder))
        for test, texts in _texts(ast.parse(path.read_text())):
            for name in {name for text in texts for name in _named(text)} & known:
                found.setdefault(name, set()).add(Test(rank, file, test))
    return found


def _texts(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Each test with the texts in it, and in the constants and functions of its module that it uses."""
    parts = {name: _content(node) for name, node in _definitions(tree)}
    for name in parts:
        if name.startswith("test_"):
            used = {name}
            waiting = [name]
            while waiting:
                new = parts[waiting.pop()][0] & parts.keys() - used
                used |= new
                waiting += new
            yield name, [text for part in used for text in parts[part][1]]


def _definitions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, node
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value


def _content(node: ast.AST) -> tuple[set[str], list[str]]:
    """The names in a node, and its texts; a docstring that is a name alone names nothing else either."""
    names: set[str] = set()
    texts: list[str] = []
    for one in ast.walk(node):
        match one:
            case ast.Name(id=name):
                names.add(name)
            case ast.Constant(value=str(text)):
                texts.append(text)
    return names, texts


def _named(text: str) -> Iterator[str]:
    yield from _IN_XML.findall(text)
    alone = _ALONE.fullmatch(text)
    if alone is not None:
        yield alone[1]
