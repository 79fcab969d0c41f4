"""The table of states has every command, and each is allowed where RFC 3501 §6 has it."""

import pytest

from compostela.protocols.imap import parser
from compostela.protocols.imap.state import ALLOWED, State, is_allowed

NO_LOGIN, LOGIN, SELECTED = State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED


def test_every_command_of_the_parser_is_in_the_table() -> None:
    # APPEND has a parser of its own: its message is not collected
    assert set(ALLOWED) == parser.NAMES | {"APPEND"}


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("CAPABILITY", {NO_LOGIN, LOGIN, SELECTED}),
        ("LOGIN", {NO_LOGIN}),
        ("STARTTLS", {NO_LOGIN}),
        ("SELECT", {LOGIN, SELECTED}),
        ("IDLE", {LOGIN, SELECTED}),
        ("APPEND", {LOGIN, SELECTED}),
        ("FETCH", {SELECTED}),
        ("UID EXPUNGE", {SELECTED}),
        ("XYZZY", set()),
    ],
)
def test_where_a_command_is_allowed(name: str, states: set[State]) -> None:
    assert {state for state in State if is_allowed(name, state)} == states
