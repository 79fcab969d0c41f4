"""Scripts of our own with the mail that each runs over, read from `tests/data/sieve/cases`."""

import re
from dataclasses import dataclass
from pathlib import Path

from compostela.sieve.host import Envelope

FOLDER = Path(__file__).parents[2] / "data" / "sieve" / "cases"
_TITLE = re.compile(r"(?P<name>[^\[=]*?)(?: \[(?P<mail>\w+)\])?(?P<envelope>(?: \w+=\S*)*)")


@dataclass(frozen=True, slots=True)
class Case:
    """A title line is `### name [mail] from=… to=…`; the last three may be missing."""

    name: str
    mail: str
    envelope: Envelope
    script: str


def cases() -> list[Case]:
    found = []
    for path in sorted(FOLDER.glob("*.txt")):
        for text in path.read_text().split("### ")[1:]:
            title, _, script = text.partition("\n")
            match = _TITLE.fullmatch(title)
            assert match, title
            given = dict(pair.split("=", 1) for pair in match["envelope"].split())
            envelope = Envelope(given.get("from", "joe@firm.example"), given.get("to", "bob@example.org"))
            found.append(Case(f"{path.stem}: {match['name']}", match["mail"] or "plain", envelope, script))
    return found
