"""format=flowed: lines that are broken are joined again, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compostela.mime.flowed import deflow, flow, join_quotes


def test_lines_break_after_a_blank() -> None:
    assert flow("one two three four", 10) == "one two \r\nthree four"
    assert flow("one\r\n\r\ntwo", 10) == "one\r\n\r\ntwo"
    assert flow("a " + "b" * 30 + " c", 10) == "a \r\n" + "b" * 30 + " \r\nc"


def test_lines_that_a_reader_would_mistake_are_stuffed() -> None:
    assert flow("From me\n> no quote\n indented", 76) == " From me\r\n> no quote\r\n  indented"


def test_quotes_keep_their_marks() -> None:
    assert flow(">> one two three four", 12) == ">> one two \r\n>> three \r\n>> four"
    assert deflow(">> one two \r\n>> three \r\n>> four") == ">> one two three four"


def test_a_change_of_depth_ends_a_paragraph() -> None:
    assert deflow("> one \r\n>> two\r\nthree \r\n") == "> one \r\n>> two\r\nthree "


def test_a_signature_begins_with_its_own_line() -> None:
    assert deflow("the end \r\n-- \r\nbob") == "the end \r\n-- \r\nbob"
    assert flow("-- \nbob", 76) == "-- \r\nbob"


def test_a_blank_goes_with_delsp() -> None:
    text = "one two three four"
    assert deflow("exam \r\nple", delsp=True) == "example"
    assert deflow(flow(text, 10, delsp=True), delsp=True) == text


@pytest.mark.slow
@pytest.mark.parametrize("delsp", [False, True])
@given(
    st.lists(st.text(st.sampled_from("ab>F -é"), max_size=60).map(lambda line: line.rstrip(" ")), max_size=5),
    st.integers(20, 40),
)
def test_what_was_broken_is_joined_to_what_it_was(delsp: bool, lines: list[str], width: int) -> None:
    text = "\r\n".join(line for line in lines if not line.startswith((">", "-- ")))
    assert deflow(flow(text, width, delsp=delsp), delsp=delsp) == text


BROKEN = "> this quote was broken at\r\n> some width by a program\r\n> of old\r\n>\r\n> end\r\nmy answer\r\nstays"


@pytest.mark.parametrize("width", [26, -6])
def test_lines_of_a_quote_are_joined(width: int) -> None:
    wanted = "> this quote was broken at some width by a program of old\r\n>\r\n> end\r\nmy answer\r\nstays"
    assert join_quotes(BROKEN, width) == wanted


def test_short_lines_of_a_quote_stay() -> None:
    assert (
        join_quotes("> a list\r\n> of things\r\n> and some longer line", -2)
        == "> a list\r\n> of things\r\n> and some longer line"
    )
