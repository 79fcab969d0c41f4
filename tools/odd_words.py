"""`python -m tools.odd_words`: counts odd words in docstrings and comments, and fails above `LIMIT` in 1,000 words.

Odd are words that make a sentence hard to read for an engineer whose first language is another one: "behind" for "after", "who"
without the person it speaks of, "stands" for "is", "nobody" for "no user". `--list` shows each place.
"""

import argparse
import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

FOLDERS = ("src", "tests", "bench", "tools", "examples")
LIMIT = 0.3
_PERSONS = "users?|senders?|recipients?|owners?|operators?|clients?|callers?|people|persons?|readers?|members?|delegates?|administrators?"
_ODD = re.compile(
    r"(?<!left )(?<!lag )(?<!lags )\bbehind\b(?! (?:an? )?(?:\w+ )?(?:proxy|balancer|gateway|NAT)| proxies)"
    r"|\b(?:whoever|whomever|nobody|thereof|stood)\b|\bstands?\b(?! alone| still|-)|\bwhom?\b|(?:^|[.:;] +)Whose\b",
    re.IGNORECASE,
)
_AFTER_PERSON = re.compile(rf"\b(?:{_PERSONS})\W+(?:\w+\W+)?$", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
_CODE = re.compile(r"`[^`]*`|\"[^\"\n]*\"")


@dataclass(frozen=True, slots=True)
class Text:
    """A docstring or a comment, at its line."""

    path: Path
    line: int
    text: str


def texts(path: Path) -> Iterator[Text]:
    """The docstrings, texts below names, and comments of a module."""
    source = path.read_text()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield Text(path, node.lineno, node.value.value)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Text(path, token.start[0], token.string.lstrip("#"))


def odd_words(text: str) -> list[str]:
    """Those of a text, without what it quotes."""
    plain = _CODE.sub(" ", text)
    return [
        found[0].strip(" .:;")
        for found in _ODD.finditer(plain)
        if not (found[0].lower() in ("who", "whom") and _AFTER_PERSON.search(plain[: found.start()]))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.odd_words", description=__doc__)
    parser.add_argument("--list", action="store_true", help="show each place")
    options = parser.parse_args()
    words = odd = 0
    for folder in FOLDERS:
        for path in sorted(Path(folder).rglob("*.py")):
            for text in texts(path):
                words += len(_WORD.findall(text.text))
                found = odd_words(text.text)
                odd += len(found)
                if options.list and found:
                    click.echo(f"{text.path}:{text.line}: {', '.join(found)}: {' '.join(text.text.split())[:160]}")
    rate = 1000 * odd / max(1, words)
    click.echo(f"{odd} odd words in {words} words of docstrings and comments: {rate:.2f} in 1,000 (limit {LIMIT})")
    sys.exit(rate > LIMIT)


if __name__ == "__main__":
    main()
