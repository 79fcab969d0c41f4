"""Settings that are declared on the fields of their class."""

from dataclasses import dataclass
from typing import Annotated

import pytest

from compostela.base.declared import (
    Boolean,
    Duration,
    Element,
    Group,
    Integer,
    Many,
    Parsed,
    Reader,
    Size,
    Text,
    elements,
)
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Node, Place, Problems, Settings


def _upper(text: str) -> str:
    if not text.isalpha():
        raise InvalidArgument(f"{text!r} has other characters than letters")
    return text.upper()


@dataclass(frozen=True, slots=True)
class Limits:
    steps: Annotated[int, Integer("run.steps", minimum=1, maximum=9)] = 5
    octets: Annotated[int, Size("run.size", unit="K")] = 1024
    unset: int = 7


@dataclass(frozen=True, slots=True)
class Example:
    key: Annotated[str, Text("key")]
    place: Annotated[str, Parsed("place", _upper, "a word")]
    limits: Annotated[Limits, Group()]
    is_on: Annotated[bool, Boolean("on")] = False
    pause_seconds: Annotated[float, Duration("pause", unit="ms", minimum=0.5)] = 1.0
    names: Annotated[tuple[str, ...], Many("names", _upper)] = ("NONE",)


READ = Reader(Example, not_yet=("later",))


def read(*given: tuple[str, str]) -> tuple[Example, list[str]]:
    problems = Problems()
    nodes = [Node(name, Place("x.properties", line), text) for line, (name, text) in enumerate(given, 1)]
    made = READ(Settings(Node("", Place("x.properties"), children=nodes), problems))
    return made, [str(problem) for problem in problems.found]


NEEDED = (("key", "k"), ("place", "here"))


def test_what_is_absent_has_the_default_of_its_field() -> None:
    assert read(*NEEDED) == (Example("k", "HERE", Limits()), [])


def test_every_kind_is_read_and_a_group_is_in_the_same_file() -> None:
    given = (("on", "yes"), ("pause", "1500"), ("names", "a, b"), ("run.steps", "9"), ("run.size", "2"))
    assert read(*NEEDED, *given) == (Example("k", "HERE", Limits(9, 2048), True, 1.5, ("A", "B")), [])


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("run.steps", "0", "x.properties:3: run.steps: must be at least 1, but is 0"),
        ("run.steps", "10", "x.properties:3: run.steps: must be at most 9, but is 10"),
        ("run.steps", "many", "x.properties:3: run.steps: 'many' is not a whole number"),
        ("run.size", "big", "x.properties:3: run.size: 'big' is not a size"),
        ("on", "perhaps", "x.properties:3: on: 'perhaps' is neither true nor false"),
        ("pause", "100", "x.properties:3: pause: must be at least 0.5 s, but is '100'"),
        ("names", "1", "x.properties:3: names: '1' has other characters than letters"),
        ("later", "1", "x.properties:3: 'later' is not yet in effect"),
        ("nams", "a", "x.properties:3: unknown 'nams' in <>; did you mean 'names'?"),
    ],
)
def test_a_mistake_is_reported_with_file_and_line(name: str, text: str, complaint: str) -> None:
    made, complaints = read(*NEEDED, (name, text))
    assert complaints == [complaint]
    assert made == Example("k", "HERE", Limits(), names=() if name == "names" else ("NONE",))


def test_a_field_without_a_default_is_required() -> None:
    assert read()[1] == ["x.properties: <> needs 'key'", "x.properties: <> needs 'place'"]


def test_the_reference_has_name_type_bounds_and_default_of_every_element() -> None:
    assert list(elements(Example)) == [
        Element("key", "text", "required", Example, "key"),
        Element("place", "a word", "required", Example, "place"),
        Element("run.steps", "whole number, at least 1, at most 9", 5, Limits, "steps"),
        Element("run.size", "size (a bare number is in K)", 1024, Limits, "octets"),
        Element("on", "true or false", False, Example, "is_on"),
        Element("pause", "duration (a bare number is in ms), at least 0.5 s", "1 s", Example, "pause_seconds"),
        Element("names", "list", ("NONE",), Example, "names"),
    ]
