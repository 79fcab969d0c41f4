"""`usersrepository.xml`."""

from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.users.directory_settings import DirectorySettings, names_directory, read_directory_settings
from compostela.core.users.passwords import DEFAULT_ALGORITHM, Algorithm
from compostela.model.username import Username


@dataclass(frozen=True, slots=True)
class UsersSettings:
    """Form of user names and storage of passwords."""

    virtual_hosting: bool = True
    """Users are `user@domain`; otherwise a user is a local part, and has that address in every managed domain."""
    administrators: frozenset[Username] = frozenset()
    """Users who may act as any other."""
    verify_failure_delay_seconds: float = 0.0
    """How long a wrong password waits for its answer."""
    algorithm: Algorithm = DEFAULT_ALGORITHM
    """How new passwords are hashed, and older ones at their next login if they have fewer iterations than this."""
    directory: DirectorySettings | None = None
    """Where users are looked for outside this server."""


def read_users_settings(settings: Settings) -> UsersSettings:
    """Reads the whole file."""
    hashing_mode = settings.text("hashingMode", "plain")
    algorithm = settings.parsed("algorithm", DEFAULT_ALGORITHM, lambda text: Algorithm.parse(text, hashing_mode))
    section = settings.section("administratorIds")
    names = [*settings.strings("administratorId"), *(section.strings("administratorId") if section else [])]
    administrators = set()
    for name in names:
        try:
            administrators.add(Username.parse(name))
        except InvalidArgument as wrong:
            settings.error(str(wrong))
    directory = read_directory_settings(settings) if names_directory(settings) else None
    # an existing file without either means what it means to James; the packaged default holds where there is none
    older = settings.boolean("supportsVirtualHosting", directory is None and not settings.node.children)
    read = UsersSettings(
        virtual_hosting=settings.boolean("enableVirtualHosting", older),
        administrators=frozenset(administrators),
        verify_failure_delay_seconds=settings.duration("verifyFailureDelay", 0.0, unit="s"),
        algorithm=algorithm,
        directory=directory,
    )
    settings.ignored("name", "enableForwarding")
    if directory is None:
        settings.ignored("class")
    settings.finish()
    return read
