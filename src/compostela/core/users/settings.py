"""`usersrepository.xml`."""

from dataclasses import dataclass
from typing import Annotated, Any, Self

from compostela.base.declarations import Boolean, Duration, Many, Single, Text
from compostela.base.declared import Declared, Group, read
from compostela.base.settings import Settings
from compostela.core.users.directory_settings import DirectorySettings, names_directory
from compostela.core.users.passwords import DEFAULT_ALGORITHM, Algorithm
from compostela.model.username import Username

DEFAULT_MODE = "plain"


class _AlgorithmName(Single):
    """What it leaves out is in `hashingMode`."""

    __slots__ = ()

    def read_named(self, settings: Settings, name: str, default: Any) -> object:
        mode = settings.text("hashingMode", DEFAULT_MODE)
        return settings.parsed(name, default, lambda text: Algorithm.parse(text, mode))


class _VirtualHosting(Boolean):
    """An existing file without the element means what it means to James."""

    __slots__ = ()

    def read(self, settings: Settings, default: Any) -> object:
        is_empty = not settings.node.children and not names_directory(settings)
        return Boolean.read(self, settings, default if is_empty else False)

    def shown(self, default: object) -> object:  # noqa: ARG002 - that of a missing file
        return False


@dataclass(frozen=True, slots=True)
class UsersSettings(Declared):
    """Form of user names and storage of passwords."""

    WITHOUT_EFFECT = ("name", "enableForwarding")

    hashing_mode: Annotated[str, Text("hashingMode")] = DEFAULT_MODE
    """Form of the hashes when `algorithm` does not name it."""
    algorithm: Annotated[Algorithm, _AlgorithmName("algorithm")] = DEFAULT_ALGORITHM
    """How new passwords are hashed, and older ones at their next login if they have fewer iterations than this."""
    administrators: Annotated[
        frozenset[Username],
        Many("administratorId", Username.parse, frozenset, older=("administratorIds/administratorId",)),
    ] = frozenset()
    """Users who may act as any other."""
    virtual_hosting: Annotated[bool, _VirtualHosting("enableVirtualHosting", older=("supportsVirtualHosting",))] = True
    """Users are `user@domain`; otherwise a user is a local part, and has that address in every managed domain. Without the file it is
    true."""
    verify_failure_delay_seconds: Annotated[float, Duration("verifyFailureDelay")] = 0.0
    """How long a wrong password waits for its answer."""
    repository: Annotated[str, Text("class")] = ""
    """James's class. One for a directory (`ReadOnlyUsersLDAPRepository`) says that users are in a directory; others have no effect."""
    directory: Annotated[DirectorySettings | None, Group()] = None
    """Where users are looked for outside this server."""

    def completed(self, settings: Settings) -> Self:
        if self.directory is None:
            settings.ignored("class")
        return self


def read_users_settings(settings: Settings) -> UsersSettings:
    """Reads the whole file."""
    directory = read(DirectorySettings, settings) if names_directory(settings) else None
    made = read(UsersSettings, settings, directory=directory)
    settings.finish()
    return made
