"""Each table in Cassandra is in a decision record, with its queries."""

import re
from pathlib import Path

from compostela.adapters.cassandra.schema import MIGRATIONS

RECORDS = Path(__file__).parents[2] / "docs" / "decisions"
_MADE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")


def test_each_table_has_its_row_in_a_decision_record() -> None:
    tables = set(_MADE.findall(" ".join(text for area in MIGRATIONS for text in area)))
    text = "\n".join(path.read_text() for path in RECORDS.glob("*.md"))
    described = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`.+?) \|", text, re.MULTILINE))))
    assert tables - described == set()
