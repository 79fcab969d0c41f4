"""Which command is allowed in which state (RFC 3501 §3 and §6, RFC 9051 §3).

A session begins without a login and is authenticated from the login on. A mailbox is selected from SELECT or EXAMINE until CLOSE, UNSELECT
or the removal of the mailbox.
"""

import enum


class State(enum.Enum):
    """How far a session is."""

    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"

    # by identity: that of Enum is a Python function, called for every command
    __hash__ = object.__hash__


_ANY = frozenset(State)
_BEFORE_LOGIN = frozenset({State.NOT_AUTHENTICATED})
_AFTER_LOGIN = frozenset({State.AUTHENTICATED, State.SELECTED})
_SELECTED = frozenset({State.SELECTED})
_NEVER = frozenset[State]()

ALLOWED: dict[str, frozenset[State]] = {
    "CAPABILITY": _ANY,
    "NOOP": _ANY,
    "LOGOUT": _ANY,
    "ID": _ANY,
    "STARTTLS": _BEFORE_LOGIN,
    "LOGIN": _BEFORE_LOGIN,
    "AUTHENTICATE": _BEFORE_LOGIN,
    "ENABLE": _AFTER_LOGIN,
    "SELECT": _AFTER_LOGIN,
    "EXAMINE": _AFTER_LOGIN,
    "CREATE": _AFTER_LOGIN,
    "DELETE": _AFTER_LOGIN,
    "RENAME": _AFTER_LOGIN,
    "SUBSCRIBE": _AFTER_LOGIN,
    "UNSUBSCRIBE": _AFTER_LOGIN,
    "LIST": _AFTER_LOGIN,
    "LSUB": _AFTER_LOGIN,
    "NAMESPACE": _AFTER_LOGIN,
    "STATUS": _AFTER_LOGIN,
    "APPEND": _AFTER_LOGIN,
    "IDLE": _AFTER_LOGIN,
    "CHECK": _SELECTED,
    "CLOSE": _SELECTED,
    "UNSELECT": _SELECTED,
    "EXPUNGE": _SELECTED,
    "UID EXPUNGE": _SELECTED,
    "SEARCH": _SELECTED,
    "UID SEARCH": _SELECTED,
    "FETCH": _SELECTED,
    "UID FETCH": _SELECTED,
    "STORE": _SELECTED,
    "UID STORE": _SELECTED,
    "COPY": _SELECTED,
    "UID COPY": _SELECTED,
    "MOVE": _SELECTED,
    "UID MOVE": _SELECTED,
}
"""The states of each command, by its name in capitals."""


def is_allowed(name: str, state: State) -> bool:
    """Return whether the command of this name may run in a state. A name that is not in `ALLOWED` is never allowed."""
    return state in ALLOWED.get(name, _NEVER)
