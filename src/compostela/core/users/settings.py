"""`usersrepository.xml`."""

from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.users.passwords import DEFAULT_ALGORITHM, Algorithm
from compostela.model.username import Username

_LDAP = "org.apache.james.user.ldap.ReadOnlyUsersLDAPRepository"
_LDAP_ATTRIBUTES = (
    "ldapHost", "ldapHosts", "principal", "credentials", "userBase", "userListBase", "userIdAttribute", "userObjectClass",
    "resolveLocalPartAttribute", "usernameAttribute", "filter", "connectionTimeout", "readTimeout", "poolSize",
    "maxWaitTime", "trustAllCerts", "restriction", "domains",
)  # fmt: skip


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


def read_users_settings(settings: Settings) -> UsersSettings:
    """Reads the whole file. A directory (LDAP) is not available yet."""
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
    if settings.text("class", "") == _LDAP or settings.has("ldapHost"):
        settings.not_yet("class", *_LDAP_ATTRIBUTES)
    read = UsersSettings(
        # an existing file means what it means to James; where there is none, the packaged default holds
        virtual_hosting=settings.boolean("enableVirtualHosting", not settings.node.children),
        administrators=frozenset(administrators),
        verify_failure_delay_seconds=settings.duration("verifyFailureDelay", 0.0, unit="s"),
        algorithm=algorithm,
    )
    settings.ignored("name", "class", "enableForwarding")
    settings.finish()
    return read
