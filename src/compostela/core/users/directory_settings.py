"""The attributes of `usersrepository.xml` that name an LDAP directory."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Self

from compostela.base.declarations import Boolean, Declaration, Duration, Integer, Many, Parsed, Text
from compostela.base.declared import Declared, Group, Taken
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Place, Settings
from compostela.model.domain import Domain

CLASSES = frozenset({"ReadOnlyUsersLDAPRepository", "UsersLDAPRepository"})
"""James's names for a directory, without their package."""
SCHEMES = ("ldap", "ldaps")
MAX_POOL = 256
CONNECTION_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 10.0


def names_directory(settings: Settings) -> bool:
    """Whether the file names a directory."""
    short = settings.text("class", "").rpartition(".")[2]
    return short in CLASSES or settings.has("ldapHost") or settings.has("ldapHosts")


class _Bases(Declaration):
    """The name of each element inside is a domain."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        return "elements of any name"

    def read(self, settings: Settings, default: Any) -> object:
        section = settings.section(self.name.removesuffix("/*"))
        bases: dict[Domain, str] = default
        for child in section.children() if section is not None else ():
            try:
                bases[Domain.parse(child.node.name)] = child.body
            except InvalidArgument as wrong:
                child.error(str(wrong))
        return bases

    def shown(self, default: object) -> object:  # noqa: ARG002 - it is empty
        return ()


class _Groups(Declaration):
    """Not a list with commas: a distinguished name has some."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        return "element, any number"

    def read(self, settings: Settings, default: Any) -> object:
        return tuple(one.body for one in settings.sections(self.name) if one.body) or default


@dataclass(frozen=True, slots=True)
class Restriction(Declared):
    """The element `restriction`: only members of groups are users."""

    attribute: Annotated[str, Text("memberAttribute")]
    """Attribute of a group that has the distinguished names of its members."""
    groups: Annotated[tuple[str, ...], _Groups("group")] = ()
    """Distinguished name of a group: a user must be in one of them."""

    def completed(self, settings: Settings) -> Self:
        if not self.groups:
            settings.error("<restriction> needs a <group>: otherwise no user could log in")
        return self


NO_RESTRICTION = Restriction("")


@dataclass(frozen=True, slots=True)
class DirectorySettings(Declared):
    """Where the users are, and which of the entries are users."""

    hosts: Annotated[tuple[str, ...], Many("ldapHost", older=("ldapHosts",))]
    """URLs (`ldap://host:389`, `ldaps://host:636`), tried in turn when one does not answer. With one of them, or James's class for it,
    users are in a directory; see the operators' page on LDAP."""
    user_base: Annotated[str, Text("userBase")]
    """Distinguished name under which users are searched for."""
    user_id_attribute: Annotated[str, Text("userIdAttribute")]
    """Attribute with the name that a user logs in with."""
    principal: Annotated[str, Text("principal")] = ""
    """Distinguished name that searches are made as; empty for an anonymous bind."""
    credentials: Annotated[str, Text("credentials")] = field(default="", repr=False)
    """Password of `principal`."""
    user_object_class: Annotated[str, Parsed("userObjectClass", str)] = "inetOrgPerson"
    """Object class of a user's entry."""
    user_list_base: Annotated[str, Text("userListBase")] = ""
    """Distinguished name under which users are listed; empty for `userBase`."""
    username_attribute: Annotated[str, Text("usernameAttribute")] = ""
    """Attribute with the name that the server knows the user by; empty for `userIdAttribute`."""
    resolve_local_part_attribute: Annotated[str, Text("resolveLocalPartAttribute")] = ""
    """Attribute that a login name without a domain is looked for in; empty: such a name is looked for in `userIdAttribute`."""
    filter: Annotated[str, Text("filter")] = ""
    """Filter that a user's entry must match besides (RFC 4515)."""
    connection_timeout_seconds: Annotated[float, Duration("connectionTimeout", unit="ms")] = CONNECTION_TIMEOUT_SECONDS
    """How long one server may take to accept a connection; 0 for the default."""
    read_timeout_seconds: Annotated[float, Duration("readTimeout", unit="ms")] = READ_TIMEOUT_SECONDS
    """How long one answer may take; 0 for the default."""
    pool_size: Annotated[int, Integer("poolSize", minimum=1, maximum=MAX_POOL)] = 4
    """Connections that are kept open."""
    max_wait_seconds: Annotated[float, Duration("maxWaitTime", unit="ms")] = 1.0
    """How long a question waits for one of them before a further connection is made."""
    trust_all_certs: Annotated[bool, Boolean("trustAllCerts")] = False
    """With `ldaps`, the server's certificate is not checked."""
    restriction: Annotated[Restriction, Group("restriction")] = NO_RESTRICTION
    """Groups whose members are the users; without any, all entries are."""
    domain_bases: Annotated[Mapping[Domain, str], _Bases("domains/*")] = field(default_factory=dict)
    """Where the users of the domain of this name are searched for, instead of `userBase`."""
    local_users: Annotated[bool, Boolean("localUsers")] = False
    """Users that are kept in this server's own store are there too, and come first."""
    place: Annotated[Place, Taken(lambda settings: settings.place)] = field(default=Place(""), compare=False)

    def completed(self, settings: Settings) -> Self:
        if not self.hosts:
            settings.error("a directory needs 'ldapHost', such as ldap://ldap.example.org:389")
        for host in self.hosts:
            if not host.lower().startswith(tuple(f"{scheme}://" for scheme in SCHEMES)):
                settings.error(
                    f"{host!r} is no URL such as ldap://ldap.example.org:389 or ldaps://ldap.example.org:636"
                )
        return replace(
            self,
            connection_timeout_seconds=self.connection_timeout_seconds or CONNECTION_TIMEOUT_SECONDS,
            read_timeout_seconds=self.read_timeout_seconds or READ_TIMEOUT_SECONDS,
        )
