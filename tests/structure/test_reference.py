"""The reference manual is what the code says."""

import re
from collections.abc import Callable

import pytest
from tools.reference.pages import FOLDER, PAGES


@pytest.mark.parametrize(("name", "make"), PAGES.items(), ids=PAGES)
def test_a_page_is_up_to_date(name: str, make: Callable[[], str]) -> None:
    assert (FOLDER / name).read_text() == make(), "run 'make reference' and commit docs/reference"


def test_there_is_no_other_page() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


def test_every_element_in_effect_has_a_meaning() -> None:
    files = re.split(r"^## ", PAGES["configuration.md"](), flags=re.MULTILINE)[1:]
    effective = [text for text in files if "nothing of it is in effect" not in text]
    rows = [line for text in effective for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert [row for row in rows if row.endswith("|  |")] == []


def test_every_route_says_what_it_does() -> None:
    rows = [line for line in PAGES["webadmin.md"]().splitlines() if "| `/" in line]
    assert len(rows) > 30
    assert [row for row in rows if row.endswith("|  |")] == []
