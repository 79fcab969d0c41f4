"""No module is too long to be read at a sitting."""

from pathlib import Path

import pytest

from tests.structure.modules import ROOT

MAX_LINES = 500
MAX_EDITION_LINES = 110
FOLDERS = ("src", "tests", "bench", "examples", "tools")


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_module_is_too_long(folder: str) -> None:
    def lines(path: Path) -> int:
        return len(path.read_text().splitlines())

    long = {str(path.relative_to(ROOT)): lines(path) for path in sorted((ROOT / folder).rglob("*.py"))}
    assert {name: count for name, count in long.items() if count > MAX_LINES} == {}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "src/compostela/app/editions").glob("*.py")), ids=lambda path: path.stem
)
def test_an_edition_only_opens_its_stores(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_EDITION_LINES, "what is the same in every edition is in app/server"


def test_a_module_opens_with_what_it_is_for() -> None:
    # one test for all: a thousand need ten seconds in pytest
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in sorted((ROOT / "src").rglob("*.py"))}
    assert len(texts) > 500
    without = [name for name, text in texts.items() if text and not text.startswith('"""')]
    assert without == [], "no docstring"
