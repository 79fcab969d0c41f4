"""Settings that are declared on the fields of their class."""

import enum
from dataclasses import dataclass
from typing import Annotated, Self

import pytest

from compostela.app.configuration.files import Reader as Files
from compostela.base.declarations import (
    Body,
    Boolean,
    Choice,
    Duration,
    Integer,
    Many,
    Parsed,
    Size,
    Text,
    Texts,
    Word,
)
from compostela.base.declared import Declared, Each, Element, Group, Reader, Taken, elements, not_yet, without_effect
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Node, Place, Problems, Settings


def _upper(text: str) -> str:
    if not text.isalpha():
        raise InvalidArgument(f"{text!r} has other characters than letters")
    return text.upper()


class Mode(enum.Enum):
    SOFT = 1
    HARD = 2


@dataclass(frozen=True, slots=True)
class Limits:
    steps: Annotated[int, Integer("run.steps", minimum=1, maximum=9)] = 5
    octets: Annotated[int, Size("run.size", unit="K")] = 1024
    mode: Annotated[Mode, Choice("run.mode", {"soft": Mode.SOFT, "hard": Mode.HARD})] = Mode.SOFT
    unset: int = 7


@dataclass(frozen=True, slots=True)
class Example(Declared):
    NOT_YET = ("later",)
    WITHOUT_EFFECT = ("never",)

    key: Annotated[str, Text("key")]
    place: Annotated[str, Parsed("place", _upper, "a word")]
    limits: Annotated[Limits, Group()]
    is_on: Annotated[bool, Boolean("on")] = False
    pause_seconds: Annotated[float, Duration("pause", unit="ms", minimum=0.5)] = 1.0
    names: Annotated[tuple[str, ...], Many("names", _upper)] = ("NONE",)

    def completed(self, settings: Settings) -> Self:
        if self.is_on and not self.names:
            settings.error("'on' needs names", "on")
        return self


READ = Reader(Example)


def read(*given: tuple[str, str]) -> tuple[Example, list[str]]:
    problems = Problems()
    nodes = [Node(name, Place("x.properties", line), text) for line, (name, text) in enumerate(given, 1)]
    made = READ(Settings(Node("", Place("x.properties"), children=nodes), problems))
    return made, [str(problem) for problem in problems.found]


NEEDED = (("key", "k"), ("place", "here"))


def test_what_is_absent_has_the_default_of_its_field() -> None:
    assert read(*NEEDED) == (Example("k", "HERE", Limits()), [])


def test_every_kind_is_read_and_a_group_is_in_the_same_file() -> None:
    given = (
        ("on", "yes"),
        ("pause", "1500"),
        ("names", "a, b"),
        ("run.steps", "9"),
        ("run.size", "2"),
        ("run.mode", "Hard"),
    )
    assert read(*NEEDED, *given) == (Example("k", "HERE", Limits(9, 2048, Mode.HARD), True, 1.5, ("A", "B")), [])


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("run.steps", "0", "x.properties:3: run.steps: must be at least 1, but is 0"),
        ("run.steps", "10", "x.properties:3: run.steps: must be at most 9, but is 10"),
        ("run.steps", "many", "x.properties:3: run.steps: 'many' is not a whole number"),
        ("run.size", "big", "x.properties:3: run.size: 'big' is not a size"),
        ("run.mode", "hrd", "x.properties:3: run.mode: 'hrd' is none of soft, hard; did you mean 'hard'?"),
        ("on", "perhaps", "x.properties:3: on: 'perhaps' is neither true nor false"),
        ("pause", "100", "x.properties:3: pause: must be at least 0.5 s, but is '100'"),
        ("names", "1", "x.properties:3: names: '1' has other characters than letters"),
        ("later", "1", "x.properties:3: 'later' is not yet in effect"),
        ("never", "1", "x.properties:3: 'never' has no effect here"),
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
        Element("run.mode", "one of `soft`, `hard`", "soft", Limits, "mode"),
        Element("on", "true or false", False, Example, "is_on"),
        Element("pause", "duration (a bare number is in ms), at least 0.5 s", "1 s", Example, "pause_seconds"),
        Element("names", "list", ("NONE",), Example, "names"),
    ]


def test_what_does_not_fit_together_is_reported_at_its_place() -> None:
    made, complaints = read(*NEEDED, ("on", "true"), ("names", "1"))
    assert made.is_on
    assert complaints == [
        "x.properties:4: names: '1' has other characters than letters",
        "x.properties:3: 'on' needs names",
    ]


@dataclass(frozen=True, slots=True)
class Part(Declared):
    WITHOUT_EFFECT = ("old",)

    name: Annotated[str, Text("name")]
    place: Annotated[Place, Taken(lambda settings: settings.place)]
    is_closed: Annotated[bool, Boolean("open", inverted=True)] = False


@dataclass(frozen=True, slots=True)
class Door:
    is_there: Annotated[bool, Boolean("there")] = True
    width: Annotated[int, Integer("width", older=("size/width", "breadth"))] = 80


@dataclass(frozen=True, slots=True)
class House(Declared):
    NOT_YET = ("cellar",)

    parts: Annotated[tuple[Part, ...], Each("parts/part")] = ()
    front: Annotated[Door | None, Group("front", when="is_there", defaults={"width": 90})] = None
    back: Annotated[Door, Group("back")] = Door(width=70)
    owners: Annotated[tuple[str, ...], Many("owner", older=("owners/owner",))] = ()
    kept: Annotated[str, Text("kept", required=True)] = "well"


def house(text: str) -> tuple[House, list[str]]:
    problems = Problems()
    node = Files(problems).parse("house.xml", f"<house>\n{text}\n</house>".encode())
    assert node is not None
    return Reader(House)(Settings(node, problems)), [str(problem) for problem in problems.found]


def test_elements_inside_each_other() -> None:
    part = "<part><name>roof</name><open>true</open></part>\n<part><name>wall</name><open>no</open><old/></part>"
    made, complaints = house(f"<kept>so</kept><parts>{part}</parts><front/><back><breadth>60</breadth></back>")
    places = [Place("house.xml", line) for line in (2, 3)]
    parts = (Part("roof", places[0], False), Part("wall", places[1], True))
    assert made == House(parts, Door(width=90), Door(width=60), kept="so")
    assert complaints == ["house.xml:3: 'old' has no effect here"]


def test_a_group_is_none_if_its_element_is_absent_or_its_switch_is_off() -> None:
    assert house("<kept>so</kept>")[0] == House(kept="so")
    assert house("<kept>so</kept><front><there>false</there></front>")[0].front is None


def test_the_name_itself_comes_before_other_spellings_and_lists_are_joined() -> None:
    back = "<back><breadth>1</breadth><size><width>2</width></size></back>"
    assert house(f"<kept>so</kept>{back}")[0].back.width == 2
    assert house(f"<kept>so</kept>{back.replace('<size>', '<width>3</width><size>')}")[0].back.width == 3
    owners = "<owner>a</owner><owners><owner>b, c</owner></owners>"
    assert house(f"<kept>so</kept>{owners}")[0].owners == ("a", "b", "c")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("<kept>so</kept><front><wide/></front>", "house.xml:2: unknown 'wide' in <front>; did you mean 'width'?"),
        ("<kept>so</kept><parts><part><nam/></part></parts>", "house.xml:2: <part> needs 'name'"),
        ("<kept>so</kept><cellar/>", "house.xml:2: 'cellar' is not yet in effect"),
        ("<back/>", "house.xml:1: <house> needs 'kept'"),
    ],
)
def test_a_mistake_inside_is_reported(text: str, complaint: str) -> None:
    assert complaint in house(text)[1]


def test_the_reference_has_paths_and_other_spellings() -> None:
    found = {one.name: (one.default, one.preferred) for one in elements(House)}
    assert found == {
        "parts/part/name": ("required", ""),
        "parts/part/open": (True, ""),
        "front/there": (True, ""),
        "front/width": (90, ""),
        "front/size/width": (90, "front/width"),
        "front/breadth": (90, "front/width"),
        "back/there": (True, ""),
        "back/width": (80, ""),
        "back/size/width": (80, "back/width"),
        "back/breadth": (80, "back/width"),
        "owner": ((), ""),
        "owners/owner": ((), "owner"),
        "kept": ("required", ""),
    }
    assert (list(without_effect(House)), list(not_yet(House))) == (["parts/part/old"], ["cellar"])


@dataclass(frozen=True, slots=True)
class Person:
    name: Annotated[str, Body("", _upper, "a word")] = ""
    """The person."""
    words: Annotated[tuple[str, ...], Texts("words/word")] = ()
    """What the person says."""


@dataclass(frozen=True, slots=True)
class Wanted:
    count: Annotated[int, Integer("count", required=True, older=("number",))] = 3
    kinds: Annotated[tuple[str, ...], Many("kind", required=True)] = ("any",)
    colour: Annotated[str, Word("colour", ("red", "blue"))] = "red"
    seconds: Annotated[float | None, Duration("time")] = None
    modes: Annotated[tuple[Mode, ...], Many("mode", Mode)] = (Mode.SOFT,)
    people: Annotated[tuple[Person, ...], Each("people/person")] = ()


def wanted(text: str) -> tuple[Wanted, list[str]]:
    problems = Problems()
    node = Files(problems).parse("w.xml", f"<w>\n{text}\n</w>".encode())
    assert node is not None
    return Reader(Wanted)(Settings(node, problems)), [str(problem) for problem in problems.found]


@pytest.mark.parametrize("count", ["<count>2</count>", "<number>2</number>"])
def test_what_is_required_and_given(count: str) -> None:
    text = f"{count}<kind>a, b</kind><colour>BLUE</colour><time>2s</time>"
    assert wanted(text) == (Wanted(2, ("a", "b"), "blue", 2.0), [])


def test_what_is_required_and_absent_is_reported_and_has_its_default() -> None:
    assert wanted("") == (Wanted(), ["w.xml:1: <w> needs 'count'", "w.xml:1: <w> needs 'kind'"])


def test_a_word_that_is_not_one_of_them() -> None:
    made, complaints = wanted("<count>2</count><kind>a</kind>\n<colour>bleu</colour>")
    assert made.colour == "red"
    assert complaints == ["w.xml:3: colour: 'bleu' is none of red, blue; did you mean 'blue'?"]


def test_texts_and_the_text_of_an_element_itself() -> None:
    words = "<words><word>a, b</word><word/><word>c</word></words>"
    text = f"<count>2</count><kind>a</kind><people>\n<person>ann{words}</person>\n<person>1</person></people>"
    made, complaints = wanted(text)
    assert made.people == (Person("ANN", ("a, b", "c")), Person())
    assert complaints == ["w.xml:4: '1': '1' has other characters than letters"]


def test_the_reference_of_these_kinds() -> None:
    assert [(one.name, one.kind, one.default) for one in elements(Wanted)] == [
        ("count", "whole number", "required"),
        ("number", "whole number", "required"),
        ("kind", "list", "required"),
        ("colour", "one of `red`, `blue`", "red"),
        ("time", "duration (a bare number is in s)", None),
        ("mode", "list", (1,)),
        ("people/person", "a word", ""),
        ("people/person/words/word", "element, any number", ()),
    ]
