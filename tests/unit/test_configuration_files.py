"""Odd spellings in configuration files."""

import pytest

from compostela.app.configuration.files import Reader
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Problems
from compostela.base.units import parse_size


def _value(text: bytes) -> str:
    root = Reader(Problems(), {}).parse("x.properties", b"name=" + text)
    assert root is not None
    return root.children[0].text


def test_two_escapes_make_one_character_beyond_the_basic_plane() -> None:
    assert _value(rb"\ud83d\ude00") == "\U0001f600"


def test_half_of_a_pair_is_no_character() -> None:
    assert _value(rb"\ud83d") == "\ufffd"


def test_a_number_of_absurd_length_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        parse_size("9" * 5000)
