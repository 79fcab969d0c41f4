"""Tests share their pieces through the kit `compostela.testing` and through modules without tests."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.structure.modules import ROOT

_IMPORT = re.compile(r"^ *(?:from ([\w.]+) import (\([^)]*\)|[^\n#]+)|import ([\w., ]+))", re.MULTILINE)


def _imported(path: Path) -> Iterator[str]:
    """The modules that a file imports. A name after `from x import` may be a module too."""
    for source, names, modules in _IMPORT.findall(path.read_text()):
        if modules:
            yield from re.findall(r"[\w.]+", modules)
        else:
            yield source
            yield from (f"{source}.{name}" for name in re.findall(r"\w+", names))


@pytest.mark.parametrize("folder", ["tests", "bench", "examples", "src"])
def test_no_module_imports_a_module_of_tests(folder: str) -> None:
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "tests").rglob("test_*.py")}
    assert modules
    found = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name in _imported(path)
        if name in modules
    }
    assert found == set()


def test_the_kit_for_extensions_needs_no_pytest_and_nothing_of_our_tests() -> None:
    for path in sorted((ROOT / "src/compostela/testing").glob("*.py")):
        foreign = {name.partition(".")[0] for name in _imported(path)} & {"pytest", "tests", "hypothesis"}
        assert foreign == set(), path.name


def test_the_server_never_imports_the_kit() -> None:
    for path in sorted((ROOT / "src/compostela").rglob("*.py")):
        if path.parent.name != "testing":
            assert not any(name.startswith("compostela.testing") for name in _imported(path)), path
