"""Sieve scripts as the store and its callers know them. The language itself is in `compostela.sieve`."""

import unicodedata
from dataclasses import dataclass
from typing import NewType

from compostela.base.errors import CompostelaError, InvalidArgument, QuotaExceeded

MAX_NAME_CHARACTERS = 128
MAX_SCRIPTS = 100
"""Scripts of one user, if the settings do not say otherwise."""
MAX_GLOBAL_SCRIPTS = 100
"""Scripts for `include :global`."""
_SEPARATORS = "\u2028\u2029"

ScriptName = NewType("ScriptName", str)
"""A name that `parse_script_name` accepted."""


def parse_script_name(text: str) -> ScriptName:
    """A script's name in normal form C (RFC 5804 §1.6): 1 to 128 characters without control characters and line
    separators. Raises `InvalidArgument`."""
    name = unicodedata.normalize("NFC", text)
    if not name:
        raise InvalidArgument("the name of a script must not be empty")
    if len(name) > MAX_NAME_CHARACTERS:
        raise InvalidArgument(f"the name of a script must not be longer than {MAX_NAME_CHARACTERS} characters")
    if any(unicodedata.category(one) in ("Cc", "Cs") or one in _SEPARATORS for one in name):
        raise InvalidArgument("the name of a script must not have control characters or line separators")
    return ScriptName(name)


@dataclass(frozen=True, slots=True)
class ScriptEntry:
    """One line of a listing."""

    name: ScriptName
    size: int
    """Octets of the text."""
    is_active: bool


@dataclass(frozen=True, slots=True)
class StoredScript:
    """A script that the engine accepted."""

    name: ScriptName
    text: bytes
    """UTF-8, as it was put."""
    tree: bytes
    """The validated tree (`Script.dumps`). A release with another form of trees reads the text again."""


@dataclass(frozen=True, slots=True)
class ScriptProblem:
    """One mistake in a script, or one warning. Line and column count characters from 1."""

    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


class InvalidScript(InvalidArgument):
    """The engine refuses a script. The text has one problem a line and may be shown to its author."""

    def __init__(self, problems: tuple[ScriptProblem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class ScriptIsActive(CompostelaError):
    """The active script can't be deleted (RFC 5804 §2.10)."""


class ScriptSpaceExceeded(QuotaExceeded):
    """The user's scripts would take more octets than the quota (ManageSieve `QUOTA/MAXSIZE`)."""


class TooManyScripts(QuotaExceeded):
    """The user would have too many scripts (ManageSieve `QUOTA/MAXSCRIPTS`)."""
