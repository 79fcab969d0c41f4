"""HOCON, as far as `cassandra-driver.conf` needs it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compostela.app.configuration.hocon import MAX_DEPTH, HoconError, parse_hocon

ENVIRONMENT = {"HOST": "c1"}


def values(text: str) -> dict[str, str]:
    return {child.name: child.text for child in parse_hocon("x.conf", text, ENVIRONMENT).children}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("{ a = 1 }", {"a": "1"}),
        ("a = 1\nb: 2", {"a": "1", "b": "2"}),
        ("a { b = 1, c { d = 5 seconds } }", {"a.b": "1", "a.c.d": "5 seconds"}),
        ("a.b { c.d = x }", {"a.b.c.d": "x"}),
        ("a = { b = 1 }", {"a.b": "1"}),
        ("# one\na = 1 # two\n// three\nb = 2 // four", {"a": "1", "b": "2"}),
        ('a = "x # y, {z} \\" \\n"', {"a": 'x # y, {z} " \n'.strip()}),
        ("a = org.example.Class\npath = /etc/file", {"a": "org.example.Class", "path": "/etc/file"}),
        ('a = ["x:1", y\n z]', {"a": "x:1,y,z"}),
        ("a = []", {"a": ""}),
        ("a = 1\na = 2", {"a": "2"}),
        ("a = ${HOST}:9042", {"a": "c1:9042"}),
        ("a = 1\na = ${?MISSING}", {"a": "1"}),
        ("a = 1\na = ${?HOST}", {"a": "c1"}),
        ('"a b".c = 1', {"a b.c": "1"}),
    ],
)
def test_values_are_read_by_their_paths(text: str, expected: dict[str, str]) -> None:
    assert values(text) == expected


def test_a_value_has_the_place_of_its_line() -> None:
    (child,) = parse_hocon("x.conf", "# one\n\na {\n  b = 1\n}", {}).children
    assert str(child.place) == "x.conf:4"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a {\n b = 1\n", 3, "'}' is missing"),
        ("a = 1\n}", 2, "a key is expected, not '}'"),
        ("{ a = 1 } x", 1, "unexpected 'x'"),
        ("a", 1, "'a' has no value"),
        ("\na = [1, {", 2, "a list holds values"),
        ('a = "x', 1, "unexpected '\"'"),
        ('include "other.conf"', 1, "'include"),
        ("a = ${MISSING}", 1, "MISSING is not set"),
        ("a {" * (MAX_DEPTH + 2), 1, "inside each other"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(HoconError, match=message.replace("{", r"\{")) as raised:
        values(text)
    assert raised.value.line == line


@pytest.mark.slow
@given(st.text(st.sampled_from('ab.={}[],:"#/ \n$?\\1'), max_size=40))
def test_no_text_raises_another_error(text: str) -> None:
    try:
        values(text)
    except HoconError:
        pass
