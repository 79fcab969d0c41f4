"""Header blocks as octets: what is not edited stays as it was (RFC 5322 §2.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compostela.mime.headers import (
    Headers,
    add_first,
    add_last,
    field_line,
    fields,
    header_end,
    remove,
    remove_where,
    unfold,
    values,
)

BLOCK = b"Received: by a\r\n\tfor b\r\nSubject: one\r\nX-Note : two \r\nsubject:three\r\n\r\n"


@pytest.mark.parametrize(
    ("message", "header"),
    [
        (b"A: b\r\n\r\nbody", b"A: b\r\n\r\n"),
        (b"A: b\n\nbody", b"A: b\n\n"),
        (b"A: b\r\n c\r\n\r\n\r\n", b"A: b\r\n c\r\n\r\n"),
        (b"\r\nbody", b"\r\n"),
        (b"", b""),
        # no empty line: as far as the lines look like fields
        (b"A: b\r\nC: d\r\n", b"A: b\r\nC: d\r\n"),
        (b"A: b\r\nno field\r\n", b"A: b\r\n"),
        (b"no field\r\nA: b\r\n\r\nbody", b""),
        (b": no name\r\n\r\n", b""),
        (
            b"From ann Mon Jan  1 00:00:00 2024\r\nA: b\r\n\r\nbody",
            b"From ann Mon Jan  1 00:00:00 2024\r\nA: b\r\n\r\n",
        ),
        # a line in the middle that is no field does not end the block
        (b"A: b\r\nno field\r\nC: d\r\n\r\nbody", b"A: b\r\nno field\r\nC: d\r\n\r\n"),
    ],
)
def test_where_the_header_ends(message: bytes, header: bytes) -> None:
    assert message[: header_end(message)] == header


def test_fields_have_their_names_raw_values_and_octets() -> None:
    found = [(field.name, field.value, BLOCK[field.start : field.end]) for field in fields(BLOCK)]
    assert found == [
        (b"Received", b" by a\r\n\tfor b", b"Received: by a\r\n\tfor b\r\n"),
        (b"Subject", b" one", b"Subject: one\r\n"),
        (b"X-Note", b" two ", b"X-Note : two \r\n"),
        (b"subject", b"three", b"subject:three\r\n"),
    ]


def test_a_field_is_found_in_any_case_and_the_first_one_counts() -> None:
    headers = Headers(BLOCK)
    assert headers.get(b"SUBJECT") == b"one"
    assert headers.get_all(b"Subject") == [b"one", b"three"] == values(BLOCK, b"Subject")
    assert headers.count(b"subject") == 2
    assert b"x-note" in headers
    assert b"X" not in headers
    assert headers.get(b"Absent") is None


@pytest.mark.parametrize(
    ("raw", "value"),
    [(b" a\r\n b", b"a b"), (b" a\r\n\t b \r\n", b"a\t b"), (b"a\n b", b"a b"), (b"", b""), (b" \r\n ", b"")],
)
def test_a_value_is_unfolded_without_its_blanks(raw: bytes, value: bytes) -> None:
    assert unfold(raw) == value


def test_fields_are_put_on_top_and_below() -> None:
    assert add_first(b"A: b\r\n\r\n", b"X: 1", b"Y: 2") == b"X: 1\r\nY: 2\r\nA: b\r\n\r\n"
    assert add_last(b"A: b\r\n\r\n", b"X: 1") == b"A: b\r\nX: 1\r\n\r\n"
    assert add_last(b"A: b\n\n", b"X: 1") == b"A: b\nX: 1\r\n\n"
    assert add_first(b"", b"X: 1") == add_last(b"", b"X: 1") == b"X: 1\r\n\r\n"


def test_fields_are_taken_out_whole_and_the_others_stay() -> None:
    assert remove(BLOCK, [b"RECEIVED", b"x-note"]) == b"Subject: one\r\nsubject:three\r\n\r\n"
    assert remove(BLOCK, [b"Absent"]) is BLOCK
    assert remove_where(BLOCK, lambda name: name.startswith(b"S")) == BLOCK.replace(b"Subject: one\r\n", b"")


@given(
    st.lists(st.sampled_from([b"A: b\r\n", b"Cc: d\r\n e\r\n", b"no field\r\n", b" lost\r\n", b"a:\n", b"\r"])).map(
        b"".join
    )
)
def test_what_is_taken_out_is_gone_and_nothing_else_is(block: bytes) -> None:
    left = remove(block, [b"a"])
    assert b"a" not in Headers(left)
    assert [field.value for field in fields(left)] == [f.value for f in fields(block) if f.name.lower() != b"a"]


def test_a_new_field_is_encoded_and_folded_and_cannot_hold_another() -> None:
    assert field_line("Subject", "plain") == b"Subject: plain"
    assert field_line("Subject", "a\r\nBcc: eve@example.org") == b"Subject: a Bcc: eve@example.org"
    assert field_line("Subject", "Müll") == b"Subject: =?UTF-8?B?TcO8bGw=?="
    folded = field_line("X-Long", " ".join(["word"] * 40))
    assert max(map(len, folded.split(b"\r\n"))) <= 78
    assert unfold(folded) == b"X-Long: " + b" ".join([b"word"] * 40)
