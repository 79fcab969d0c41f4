"""Line ends and dots of whole buffers, against their definitions."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compostela.mime.lines import has_bare_line_ends, has_dot_line, stuffed, with_crlf

TEXTS = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"a", b"\x00"]), max_size=12).map(b"".join)


@given(TEXTS)
def test_a_line_end_is_bare_without_its_other_half(data: bytes) -> None:
    assert has_bare_line_ends(data) == bool(re.search(rb"\r(?!\n)|(?<!\r)\n", data))
    assert not has_bare_line_ends(with_crlf(data))


@given(TEXTS)
def test_dots_at_the_start_of_a_line_are_doubled(data: bytes) -> None:
    lines = data.split(b"\n")
    assert stuffed(data) == b"\n".join(b"." + line if line.startswith(b".") else line for line in lines)
    assert has_dot_line(data) == any(line.startswith(b".") for line in lines[1:])


@pytest.mark.parametrize("data", [b"a\rb\nc", b"\ra\n", b"\n\r", b"\r\r\n", b"\r\n\n", b"a\r", b"\n"])
def test_halves_that_are_apart_are_bare(data: bytes) -> None:
    assert has_bare_line_ends(data)
