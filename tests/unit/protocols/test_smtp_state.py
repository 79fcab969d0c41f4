"""The table of states of SMTP and LMTP: the order of commands of RFC 5321 §4.1.4."""

import pytest

from compostela.protocols.lmtp.replies import LHLO_FIRST
from compostela.protocols.lmtp.state import LMTP
from compostela.protocols.smtp.replies import HELO_FIRST
from compostela.protocols.smtp.state import SMTP, State, refusal

START, GREETED, SENDER, RECIPIENTS = State


@pytest.mark.parametrize(
    ("verb", "allowed"),
    [
        ("EHLO", set(State)),
        ("RSET", set(State)),
        ("NOOP", set(State)),
        ("QUIT", set(State)),
        ("MAIL", {GREETED}),
        ("RCPT", {SENDER, RECIPIENTS}),
        ("DATA", {RECIPIENTS}),
        ("BDAT", {RECIPIENTS}),
        ("AUTH", {START, GREETED}),
    ],
)
def test_where_a_command_is_allowed(verb: str, allowed: set[State]) -> None:
    for refusals in (SMTP, LMTP):
        assert {state for state in State if refusal(refusals, verb, state) is None} == allowed


def test_every_refusal_says_that_the_order_is_wrong() -> None:
    answers = {answer for refusals in (SMTP, LMTP) for states in refusals.values() for answer in states.values()}
    assert all(answer.code == 503 and answer.enhanced.startswith("5.5.") for answer in answers)


def test_each_protocol_names_its_own_greeting() -> None:
    assert refusal(SMTP, "MAIL", START) == HELO_FIRST
    assert refusal(LMTP, "MAIL", START) == LHLO_FIRST
