"""The states of a session and the commands that each allows (RFC 5804 §2), as tables."""

import enum
from collections.abc import Mapping

from compostela.protocols.managesieve.commands import (
    Authenticate,
    Capability,
    CheckScript,
    Command,
    DeleteScript,
    GetScript,
    HaveSpace,
    ListScripts,
    Logout,
    Noop,
    PutScript,
    RenameScript,
    SetActive,
    StartTls,
    Unauthenticate,
)


class State(enum.Enum):
    """Where a session is."""

    NON_AUTHENTICATED = "the client has not logged in"
    AUTHENTICATED = "the client is logged in"
    ENDED = "no more commands are taken"


_BEFORE_LOGIN = frozenset({State.NON_AUTHENTICATED})
_AFTER_LOGIN = frozenset({State.AUTHENTICATED})
_ALWAYS = _BEFORE_LOGIN | _AFTER_LOGIN

ALLOWED: Mapping[type[Command], frozenset[State]] = {
    Authenticate: _BEFORE_LOGIN,
    StartTls: _BEFORE_LOGIN,
    Capability: _ALWAYS,
    Noop: _ALWAYS,
    Logout: _ALWAYS,
    HaveSpace: _AFTER_LOGIN,
    PutScript: _AFTER_LOGIN,
    CheckScript: _AFTER_LOGIN,
    ListScripts: _AFTER_LOGIN,
    SetActive: _AFTER_LOGIN,
    GetScript: _AFTER_LOGIN,
    DeleteScript: _AFTER_LOGIN,
    RenameScript: _AFTER_LOGIN,
    Unauthenticate: _AFTER_LOGIN,
}
"""The states in which a command may be given (RFC 5804 §2 and §4)."""

_AFTER_OK: Mapping[type[Command], State] = {
    Authenticate: State.AUTHENTICATED,
    Unauthenticate: State.NON_AUTHENTICATED,
    Logout: State.ENDED,
}


def allows(state: State, command: Command) -> bool:
    """Return True if the command may be given in this state."""
    return state in ALLOWED[type(command)]


def after(state: State, command: Command, *, ok: bool) -> State:
    """The state after the command was answered with OK or NO."""
    return _AFTER_OK.get(type(command), state) if ok else state
