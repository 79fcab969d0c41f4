"""The commands of ManageSieve (RFC 5804 §2)."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Authenticate:
    """AUTHENTICATE with the mechanism in capitals. `initial` is base64, empty for an empty response, None without one."""

    mechanism: str = field(repr=False)
    initial: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StartTls:
    """STARTTLS."""


@dataclass(frozen=True, slots=True)
class Logout:
    """LOGOUT."""


@dataclass(frozen=True, slots=True)
class Capability:
    """CAPABILITY."""


@dataclass(frozen=True, slots=True)
class Noop:
    """NOOP. A tag is sent back in the response code TAG."""

    tag: bytes | None = None


@dataclass(frozen=True, slots=True)
class HaveSpace:
    """HAVESPACE: may a script of this size be stored under this name?"""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PutScript:
    """PUTSCRIPT. Whether the octets are a valid script is for the caller to find out."""

    name: str
    script: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckScript:
    """CHECKSCRIPT."""

    script: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ListScripts:
    """LISTSCRIPTS."""


@dataclass(frozen=True, slots=True)
class SetActive:
    """SETACTIVE. None deactivates the active script."""

    name: str | None


@dataclass(frozen=True, slots=True)
class GetScript:
    """GETSCRIPT."""

    name: str


@dataclass(frozen=True, slots=True)
class DeleteScript:
    """DELETESCRIPT."""

    name: str


@dataclass(frozen=True, slots=True)
class RenameScript:
    """RENAMESCRIPT."""

    old_name: str
    new_name: str


@dataclass(frozen=True, slots=True)
class Unauthenticate:
    """UNAUTHENTICATE."""


Command = (
    Authenticate | StartTls | Logout | Capability | Noop | HaveSpace | PutScript | CheckScript | ListScripts | SetActive
    | GetScript | DeleteScript | RenameScript | Unauthenticate
)  # fmt: skip
