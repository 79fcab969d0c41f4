"""Any text gives a tree or errors with their places, any valid script gives actions or a failure, all in bounded work."""

import time
from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compostela.sieve.comparators import ascii_fold, numeric_key
from compostela.sieve.errors import Problem, ScriptError, Severity
from compostela.sieve.host import Envelope, MessageBytes, PlainHost
from compostela.sieve.lexer import Kind, LexicalError, Lines, tokens
from compostela.sieve.limits import Limits
from compostela.sieve.program import Program
from compostela.sieve.reader import read_script
from compostela.sieve.registry import COMMANDS, TESTS
from compostela.sieve.signatures import Signature, Type
from compostela.sieve.strings import decode_encoded_characters, pieces
from compostela.sieve.tree import Script
from compostela.sieve.wildcard import Wildcard
from tests.fuzz.strategies import entities
from tests.unit.sieve.cases import Case, cases
from tests.unit.sieve.mails import MAILS, mail
from tests.unit.sieve.oracle import ours
from tests.unit.sieve.scripts import NOW

LIMITS = Limits(steps=2_000, seconds=20.0)
_FRAGMENTS = [
    *(f"{name} " for name in (*COMMANDS, *TESTS)),
    *(f":{tag.name} " for one in (*COMMANDS.values(), *TESTS.values()) for tag in one.signature.tags),
    'require ["fileinto", "variables", "regex", "relational", "mime", "foreverypart", "editheader", "ihave"];',
    '"Subject" ', '["a", "b"] ', "1K ", "{", "}", "(", ")", "[", "]", ",", ";", "# c\n", "/* c */", "text:\nx\n.\n", '"${1}" ', "text:",
    '"', "\\", "\0", "\r\n", ".", "/*", "é", "\ud800", '"mailto:a@b.example" ', '"a@b.example" ',
]  # fmt: skip
SCRIPTS = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(_FRAGMENTS), max_size=40).map("".join))


def refused(text: str | bytes, limits: Limits = LIMITS) -> tuple[Problem, ...]:
    """The problems of a script that is not valid; none for one that is, which must survive being stored."""
    try:
        script = read_script(text, limits).script
    except ScriptError as error:
        return error.problems
    assert Script.loads(script.dumps()) == script
    return ()


@pytest.mark.slow
@given(SCRIPTS)
@example("if " * 10_000)
@example("if not " * 2_000 + "true {}")
@example("if true {" * 5_000)
@example("if anyof(" * 5_000)
@example("[" * 5_000)
@example('"\\' * 5_000)
@example("/*" * 5_000)
@example("text:\n" * 5_000)
def test_any_text_gives_a_tree_or_errors_with_places(text: str) -> None:
    lines = text.split("\n")
    found = refused(text)
    assert len(found) <= LIMITS.problems
    assert not found or any(problem.severity is Severity.ERROR for problem in found)
    for problem in found:
        assert 1 <= problem.place.line <= len(lines)
        assert 1 <= problem.place.column <= len(lines[problem.place.line - 1]) + 1
        assert problem.message


@given(st.binary(max_size=200))
def test_any_octets_give_a_tree_or_errors(octets: bytes) -> None:
    assert all(problem.message for problem in refused(octets))


@given(st.binary(max_size=300))
def test_stored_octets_are_a_tree_or_nothing(octets: bytes) -> None:
    loaded = Script.loads(octets)
    assert loaded is None or isinstance(loaded, Script)


def _strings() -> st.SearchStrategy[str]:
    plain = st.sampled_from([
        "Subject", "x", "", "*a*?", "a@b.example", "${a}", "${1}", "mailto:a@b.example", "1", "year", "+0100", "from", "\\Seen",
        "text/plain", "INBOX", "i;octet", "ge", "(a|b)*c", "name", "X-Twice",
    ])  # fmt: skip
    return plain.map(lambda text: '"' + text.replace("\\", "\\\\") + '"')


def _argument(type_: Type) -> st.SearchStrategy[str]:
    if type_ is Type.NUMBER:
        return st.sampled_from(["0", "1", "2", "10K"])
    if type_ is Type.STRING:
        return _strings()
    return st.one_of(
        _strings(), st.lists(_strings(), min_size=1, max_size=3).map(lambda found: f"[{', '.join(found)}]")
    )


_RELATIONS = st.sampled_from(['"ge"', '"ne"', '"lt"'])
_BY_NAME = {
    "comparator": st.sampled_from(['"i;octet"', '"i;ascii-casemap"']), "count": _RELATIONS, "value": _RELATIONS,
    "address": st.just('"a@b.example"'), "from": st.just('"a@b.example"'), "addresses": st.just('"a@b.example"'),
    "method": st.just('"mailto:a@b.example"'), "importance": st.just('"1"'), "part": st.sampled_from(['"year"', '"std11"']),
    "parts": st.sampled_from(['"from"', '"to"']), "zone": st.just('"-0330"'), "variable": st.just('"v"'),
    "variables": st.just('"v"'), "attributes": st.just(r'"\\Junk"'), "specialuse": st.just(r'"\\Junk"'),
    "name": st.sampled_from(['"Subject"', '"v"', '"X-Twice"']), "index": st.sampled_from(["1", "2"]),
    "script": st.just('"s"'), "names": st.just('"v"'), "keys": st.sampled_from(['"*a*?"', '"x"', '["(a|b)*", "1"]', '"${v}"']),
}  # fmt: skip
"""Values that are not refused, for arguments that are checked."""


@st.composite
def calls(draw: st.DrawFn, signature: Signature, depth: int) -> str:
    """A command or a test with arguments of the right types."""
    out = [signature.name]
    chosen = (
        draw(st.lists(st.sampled_from(signature.tags), max_size=3, unique_by=lambda tag: tag.group or tag.name))
        if signature.tags
        else []
    )
    for tag in chosen:
        out.append(f":{tag.name}")
        if tag.value is not None:
            out.append(draw(_BY_NAME.get(tag.name, _argument(tag.value))))
    out += [
        draw(_BY_NAME.get(one.name, _argument(one.type)))
        for one in signature.positionals
        if not one.optional or draw(st.booleans())
    ]
    if signature.tests.value == 1:
        out.append(draw(some_test(depth - 1)))
    elif signature.tests.value == 2:
        out.append(f"({', '.join(draw(st.lists(some_test(depth - 1), min_size=1, max_size=3)))})")
    return " ".join(out)


def some_test(depth: int) -> st.SearchStrategy[str]:
    usable = [one.signature for one in TESTS.values() if depth > 0 or not one.signature.tests.value]
    return st.sampled_from(usable).flatmap(lambda signature: calls(signature, depth))


@st.composite
def blocks(draw: st.DrawFn, depth: int = 3) -> str:
    out = []
    for _ in range(draw(st.integers(0, 4))):
        signature = draw(st.sampled_from([one.signature for one in COMMANDS.values()]))
        if signature.name in ("elsif", "else") or (signature.has_block and not depth):
            continue
        end = f"{{ {draw(blocks(depth - 1))} }}" if signature.has_block else ";"
        out.append(draw(calls(signature, 2)) + end)
        if signature.name == "if" and draw(st.booleans()):
            out.append(f"else {{ {draw(blocks(depth - 1))} }}" if depth else "else {}")
    return "\n".join(out)


_ALL = 'require ["' + '", "'.join(sorted({name for one in (*COMMANDS.values(), *TESTS.values()) for name in (
    *one.signature.capabilities, *(tag.capability for tag in one.signature.tags if tag.capability))})) + '"];\n'  # fmt: skip


@pytest.mark.slow
@given(blocks(), st.sampled_from(sorted(MAILS)))
def test_a_valid_script_gives_actions_or_a_failure(block: str, name: str) -> None:
    try:
        script = read_script(_ALL + block, LIMITS).script
    except ScriptError:
        return
    outcome = Program(script, LIMITS).run(mail(name), Envelope("a@b.example", "bob@example.org"), PlainHost(), NOW)
    assert outcome.actions
    assert (outcome.failure is None) or outcome.failure.place is not None


@cache
def _valid_cases() -> list[Case]:
    return [case for case in cases() if ours(case) != "error"]


# deferred: to read every script takes a second, which each worker would spend while it collects
VALID_CASES = st.deferred(lambda: st.sampled_from(_valid_cases()))


@pytest.mark.slow
@given(st.binary(max_size=400), VALID_CASES)
def test_any_mail_gives_actions_or_a_failure(octets: bytes, case: Case) -> None:
    program = Program(read_script(case.script).script)
    outcome = program.run(MessageBytes.of(octets), Envelope("a@b.example", "c@d.example"), PlainHost(), NOW)
    assert outcome.actions


_ODD_FIELDS = st.sampled_from([
    b"Subject: =?utf-7?q?+2AA-?=\r\n", b"Subject: =?utf-16?b?2AA=?=\r\n", b"From: =?utf-7?q?+3AA-?= <a@b>\r\n", b"To: <\xff@\xfe>\r\n",
    b"Date: Mon, 99 Foo 20260 99:99:99 +9999\r\n", b"Received: x; 1 Jan 0001 00:00:00 +2359\r\n", b"Date: 31 Dec 9999 23:59:59 -2300\r\n",
    b"X-Number: " + b"9" * 5_000 + b"\r\n", b"Message-ID:\r\n", b"From: @,:;<>\r\n", b"Content-Type: text/plain; charset=utf-7\r\n", b"",
])  # fmt: skip


@pytest.mark.slow
@given(_ODD_FIELDS, _ODD_FIELDS, entities(), VALID_CASES)
def test_odd_mails_give_actions_or_a_failure(first: bytes, second: bytes, entity: bytes, case: Case) -> None:
    program = Program(read_script(case.script).script)
    outcome = program.run(
        MessageBytes.of(first + second + entity), Envelope("a@b.example", "c@d.example"), PlainHost(), NOW
    )
    assert outcome.actions


def _matches(pattern: str, value: str) -> bool:
    """The definition of RFC 5228 §2.7.1, letter by letter."""
    reach = {0}
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "*":
            reach = {end for start in reach for end in range(start, len(value) + 1)}
        elif character == "?":
            reach = {start + 1 for start in reach if start < len(value)}
        else:
            if character == "\\" and at + 1 < len(pattern):
                at += 1
                character = pattern[at]
            reach = {start + 1 for start in reach if value[start : start + 1] == character}
        at += 1
    return len(value) in reach


@given(st.text("ab*?\\", max_size=12), st.text("ab*?\\", max_size=14))
def test_wildcards_match_as_defined(pattern: str, value: str) -> None:
    captures = Wildcard(pattern).match(value)
    assert (captures is not None) == _matches(pattern, value)
    if captures is not None:
        assert captures[0] == value


@given(st.text("ab?*", max_size=10), st.text("ab", max_size=14))
def test_captures_fill_the_wildcards(pattern: str, value: str) -> None:
    captures = Wildcard(pattern).match(value)
    if captures is None:
        return
    found = iter(captures[1:])
    assert "".join(next(found) if character in "*?" else character for character in pattern) == value
    assert list(found) == []


@given(st.text(max_size=30))
def test_folding_keeps_the_length_and_is_idempotent(text: str) -> None:
    folded = ascii_fold(text)
    assert len(folded) == len(text)
    assert ascii_fold(folded) == folded


@given(st.integers(0, 10**30), st.integers(0, 10**30))
def test_numbers_are_ordered_as_numbers(one: int, other: int) -> None:
    assert (numeric_key(f"{one}x") < numeric_key(f"000{other}")) == (one < other)
    assert numeric_key("x") > numeric_key(str(one))


@given(st.text(max_size=40))
def test_pieces_lose_nothing_that_is_no_reference(text: str) -> None:
    literal = "".join(piece for piece in pieces(text) if isinstance(piece, str))
    assert ("${" in text) or literal == text
    assert "${" in text or decode_encoded_characters(text) == text


@given(SCRIPTS)
def test_tokens_come_in_order_and_cover_the_text(text: str) -> None:
    try:
        found = tokens(text)
    except LexicalError:
        return
    offsets = [token.offset for token in found]
    assert offsets == sorted(set(offsets))
    assert found[-1].kind is Kind.END
    assert [Lines(text).place(offset).line for offset in offsets] == [
        text.count("\n", 0, offset) + 1 for offset in offsets
    ]


@pytest.mark.slow
def test_work_grows_with_the_text() -> None:
    """A quadratic reader would need minutes for these."""
    limits = Limits(script_octets=4_000_000)
    begin = time.process_time()
    for text in (
        "keep;\n" * 25_000, 'redirect "' + "a" * 250_000, "text:\n" + "..\n" * 75_000, "/*" * 125_000, "#" * 250_000,
        "if true {" * 25_000, 'require ["' + '","'.join(["a"] * 25_000) + '"];', "((((" * 50_000, "keep}" * 25_000,
        "set \"a\" \"" + "${" * 75_000 + "\";",
    ):  # fmt: skip
        assert len(refused(text, limits)) <= limits.problems
    assert time.process_time() - begin < 30
