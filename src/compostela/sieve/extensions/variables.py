"""Variables: `set`, its modifiers, and the test `string` (RFC 5229)."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

from compostela.sieve.comparators import ascii_fold
from compostela.sieve.compiler import Compiler, RunCommand, RunTest
from compostela.sieve.definition import CommandDefinition, Definition, TestDefinition
from compostela.sieve.matching import Values
from compostela.sieve.run import Run
from compostela.sieve.signatures import Context, Positional, Tag, Type, of_command, of_test
from compostela.sieve.strings import VARIABLE_NAME
from compostela.sieve.tags import MATCH, check_match
from compostela.sieve.tree import Call

MODIFIERS = (
    Tag("lower", "case"),
    Tag("upper", "case"),
    Tag("lowerfirst", "first"),
    Tag("upperfirst", "first"),
    Tag("quotewildcard", "quote"),
    Tag("quoteregex", "quote", capability="regex"),
    Tag("encodeurl", capability="enotify"),
    Tag("length"),
)
"""Tags of one precedence exclude one another (RFC 5229 §4)."""

_WILDCARD = re.compile(r"([*?\\])")
_REGEX = re.compile(r"([.\[\]{}()*+?^$|\\])")
_LOWER_TO_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


def _upper(text: str) -> str:
    return text.upper() if text.isascii() else text.translate(_LOWER_TO_UPPER)


def _encode_url(text: str) -> str:
    return quote(text.encode("utf-8", "replace"), safe="-._~")


_BY_PRECEDENCE: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("lower", ascii_fold),
    ("upper", _upper),
    ("lowerfirst", lambda text: ascii_fold(text[:1]) + text[1:]),
    ("upperfirst", lambda text: _upper(text[:1]) + text[1:]),
    ("quotewildcard", lambda text: _WILDCARD.sub(r"\\\1", text)),
    ("quoteregex", lambda text: _REGEX.sub(r"\\\1", text)),
    ("encodeurl", _encode_url),
    ("length", lambda text: str(len(text))),
)


def modifier(call: Call) -> Callable[[str], str]:
    """All modifiers of the call in the order of their precedence."""
    chosen = {call.text("case"), call.text("first"), call.text("quote")}
    chosen |= {name for name in ("encodeurl", "length") if call.flag(name)}
    steps = tuple(step for name, step in _BY_PRECEDENCE if name in chosen)

    def apply(text: str) -> str:
        for step in steps:
            text = step(text)
        return text

    return apply


def check_variable_name(call: Call, context: Context) -> Iterator[str]:
    name = call.text("name") or ""
    plain = name.lower().removeprefix("global.") if "include" in context.capabilities else name
    if not VARIABLE_NAME.fullmatch(plain):
        yield f"'{name}' is no name of a variable"


def _set(call: Call, compiler: Compiler) -> RunCommand:
    name = (call.text("name") or "").lower()
    value = compiler.text(call.text("value") or "")
    modify = modifier(call)

    def run_set(run: Run) -> None:
        run.set_variable(name, modify(value(run)))

    return run_set


def _string(call: Call, compiler: Compiler) -> RunTest:
    sources = compiler.texts(call.texts("sources") or ())
    # RFC 5229 §5: :count counts the strings that are not empty
    counts = call.text("match") == "count"

    def values(run: Run) -> Values:
        found = sources(run)
        return Values([text for text in found if text] if counts else found)

    return compiler.match(call, values)


DEFINITIONS: tuple[Definition, ...] = (
    CommandDefinition(
        of_command(
            "set",
            "variables",
            tags=MODIFIERS,
            positionals=(Positional("name", Type.STRING, constant=True), Positional("value", Type.STRING)),
            checks=(check_variable_name,),
        ),
        _set,
    ),
    TestDefinition(
        of_test(
            "string",
            "variables",
            tags=MATCH,
            positionals=(Positional("sources", Type.STRINGS), Positional("keys", Type.STRINGS)),
            checks=(check_match,),
        ),
        _string,
    ),
)
