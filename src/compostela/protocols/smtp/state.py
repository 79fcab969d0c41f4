"""Which command is allowed in which state of an SMTP session, and the answer where it is not (RFC 5321 §4.1.4)."""

import enum
from collections.abc import Mapping

from compostela.protocols.smtp import replies
from compostela.protocols.smtp.replies import Reply


class State(enum.Enum):
    """How far a session is. RSET, HELO, EHLO and LHLO, and the end of a message, end the transaction."""

    START = "no greeting yet"
    GREETED = "no transaction"
    SENDER = "the sender is given"
    RECIPIENTS = "at least one recipient is accepted"

    # by identity: that of Enum is a Python function, called for every command
    __hash__ = object.__hash__


Refusals = Mapping[str, Mapping[State, Reply]]
"""Verb -> state -> why the command is refused there. Other commands, and these in other states, are allowed."""

_NO_MESSAGE = {
    State.START: replies.NO_SENDER,
    State.GREETED: replies.NO_SENDER,
    State.SENDER: replies.NO_RECIPIENTS,
}
SMTP: Refusals = {
    "MAIL": {
        State.START: replies.HELO_FIRST,
        State.SENDER: replies.SENDER_SPECIFIED,
        State.RECIPIENTS: replies.SENDER_SPECIFIED,
    },
    "RCPT": {State.START: replies.MAIL_FIRST, State.GREETED: replies.MAIL_FIRST},
    "DATA": _NO_MESSAGE,
    "BDAT": _NO_MESSAGE,
    "AUTH": {State.SENDER: replies.AUTH_IN_MAIL, State.RECIPIENTS: replies.AUTH_IN_MAIL},
}


def refusal(refusals: Refusals, verb: str, state: State) -> Reply | None:
    """Return the answer to a command that is not allowed in a state, None if it is allowed."""
    return refusals.get(verb, {}).get(state)
