"""The states of a session and the commands that each allows (RFC 1939 §3), as tables."""

import enum
from collections.abc import Mapping

from compostela.protocols.pop3.commands import (
    Auth,
    Capa,
    Command,
    Dele,
    List,
    Mechanisms,
    Noop,
    Pass,
    Quit,
    Retr,
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
    Utf8,
)


class State(enum.Enum):
    """Where a session is."""

    AUTHORIZATION = "the client has not logged in"
    USER_GIVEN = "USER was accepted: PASS may follow"
    TRANSACTION = "the client is logged in"
    UPDATE = "QUIT after a login: marked messages are removed"
    ENDED = "no more commands are taken"


_BEFORE_LOGIN = frozenset({State.AUTHORIZATION, State.USER_GIVEN})
_TRANSACTION = frozenset({State.TRANSACTION})
_ALWAYS = _BEFORE_LOGIN | _TRANSACTION

ALLOWED: Mapping[type[Command], frozenset[State]] = {
    User: _BEFORE_LOGIN,
    Pass: frozenset({State.USER_GIVEN}),
    Auth: _BEFORE_LOGIN,
    Mechanisms: _BEFORE_LOGIN,
    Stls: _BEFORE_LOGIN,
    Utf8: _BEFORE_LOGIN,
    Capa: _ALWAYS,
    Quit: _ALWAYS,
    Stat: _TRANSACTION,
    List: _TRANSACTION,
    Uidl: _TRANSACTION,
    Retr: _TRANSACTION,
    Top: _TRANSACTION,
    Dele: _TRANSACTION,
    Rset: _TRANSACTION,
    Noop: _TRANSACTION,
}
"""The states in which a command may be given. RFC 1939 §7: PASS only after a USER that was accepted. RFC 2595 §4, RFC 5034 §4 and
RFC 6856 §2.1: STLS, AUTH and UTF8 before the login."""

_AFTER_SUCCESS: Mapping[tuple[State, type[Command]], State] = {
    (State.AUTHORIZATION, User): State.USER_GIVEN,
    (State.USER_GIVEN, User): State.USER_GIVEN,
    (State.USER_GIVEN, Pass): State.TRANSACTION,
    (State.AUTHORIZATION, Auth): State.TRANSACTION,
    (State.USER_GIVEN, Auth): State.TRANSACTION,
    (State.USER_GIVEN, Stls): State.AUTHORIZATION,
    (State.AUTHORIZATION, Quit): State.ENDED,
    (State.USER_GIVEN, Quit): State.ENDED,
    (State.TRANSACTION, Quit): State.UPDATE,
}
_AFTER_FAILURE: Mapping[tuple[State, type[Command]], State] = {
    (State.USER_GIVEN, User): State.AUTHORIZATION,
    (State.USER_GIVEN, Pass): State.AUTHORIZATION,
    (State.USER_GIVEN, Auth): State.AUTHORIZATION,
}


def allows(state: State, command: Command) -> bool:
    """Return True if the command may be given in this state."""
    return state in ALLOWED[type(command)]


def after(state: State, command: Command, *, ok: bool) -> State:
    """The state after the command was answered with `+OK` or `-ERR`."""
    return (_AFTER_SUCCESS if ok else _AFTER_FAILURE).get((state, type(command)), state)
