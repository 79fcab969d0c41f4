"""The attributes of `usersrepository.xml` that name an LDAP directory."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Place, Settings
from compostela.model.domain import Domain

CLASSES = frozenset({"ReadOnlyUsersLDAPRepository", "UsersLDAPRepository"})
"""James's names for a directory, without their package."""
SCHEMES = ("ldap", "ldaps")
MAX_POOL = 256


@dataclass(frozen=True, slots=True)
class DirectorySettings:
    """Where the users are, and which of the entries are users."""

    hosts: tuple[str, ...]
    """URLs (`ldap://host:389`, `ldaps://host:636`), tried in turn when one does not answer."""
    user_base: str
    """Distinguished name under which users are searched for."""
    user_id_attribute: str
    """Attribute with the name that a user logs in with."""
    principal: str = ""
    """Distinguished name that searches are made as; empty for an anonymous bind."""
    credentials: str = field(default="", repr=False)
    """Password of `principal`."""
    user_object_class: str = "inetOrgPerson"
    """Object class of a user's entry."""
    user_list_base: str = ""
    """Distinguished name under which users are listed; empty for `userBase`."""
    username_attribute: str = ""
    """Attribute with the name that the server knows the user by; empty for `userIdAttribute`."""
    resolve_local_part_attribute: str = ""
    """Attribute that a login name without a domain is looked for in; empty: such a name is looked for in `userIdAttribute`."""
    filter: str = ""
    """Filter that a user's entry must match besides (RFC 4515)."""
    connection_timeout_seconds: float = 5.0
    """How long one server may take to accept a connection."""
    read_timeout_seconds: float = 10.0
    """How long one answer may take."""
    pool_size: int = 4
    """Connections that are kept open."""
    max_wait_seconds: float = 1.0
    """How long a question waits for one of them before a further connection is made."""
    trust_all_certs: bool = False
    """With `ldaps`, the server's certificate is not checked."""
    restriction_attribute: str = ""
    """Attribute of a group that has the distinguished names of its members."""
    restriction_groups: tuple[str, ...] = ()
    """Distinguished names of groups: a user must be in one of them."""
    domain_bases: Mapping[Domain, str] = field(default_factory=dict)
    """Where the users of a domain are searched for, instead of `userBase`."""
    local_users: bool = False
    """Users that are kept in this server's own store are there too, and come first."""
    place: Place = field(default=Place(""), compare=False)


def names_directory(settings: Settings) -> bool:
    """Whether the file names a directory."""
    short = settings.text("class", "").rpartition(".")[2]
    return short in CLASSES or settings.has("ldapHost") or settings.has("ldapHosts")


def read_directory_settings(settings: Settings) -> DirectorySettings:
    """Of a file that names one; the caller finishes it."""
    hosts = settings.strings("ldapHosts") or settings.strings("ldapHost")
    if not hosts:
        settings.error("a directory needs 'ldapHost', such as ldap://ldap.example.org:389")
    for host in hosts:
        if not host.lower().startswith(tuple(f"{scheme}://" for scheme in SCHEMES)):
            settings.error(f"{host!r} is no URL such as ldap://ldap.example.org:389 or ldaps://ldap.example.org:636")
    attribute, groups = _read_restriction(settings)
    return DirectorySettings(
        hosts=tuple(hosts),
        user_base=settings.required("userBase"),
        user_id_attribute=settings.required("userIdAttribute"),
        principal=settings.text("principal", ""),
        credentials=settings.text("credentials", ""),
        user_object_class=settings.text("userObjectClass", "") or "inetOrgPerson",
        user_list_base=settings.text("userListBase", ""),
        username_attribute=settings.text("usernameAttribute", ""),
        resolve_local_part_attribute=settings.text("resolveLocalPartAttribute", ""),
        filter=settings.text("filter", ""),
        connection_timeout_seconds=settings.duration("connectionTimeout", 5.0, unit="ms") or 5.0,
        read_timeout_seconds=settings.duration("readTimeout", 10.0, unit="ms") or 10.0,
        pool_size=settings.integer("poolSize", 4, minimum=1, maximum=MAX_POOL),
        max_wait_seconds=settings.duration("maxWaitTime", 1.0, unit="ms"),
        trust_all_certs=settings.boolean("trustAllCerts", False),
        restriction_attribute=attribute,
        restriction_groups=groups,
        domain_bases=_read_domains(settings),
        local_users=settings.boolean("localUsers", False),
        place=settings.place,
    )


def _read_restriction(settings: Settings) -> tuple[str, tuple[str, ...]]:
    section = settings.section("restriction")
    if section is None:
        return "", ()
    attribute = section.required("memberAttribute")
    # a distinguished name has commas
    groups = tuple(group.body for group in section.sections("group") if group.body)
    if not groups:
        section.error("<restriction> needs a <group>: otherwise no user could log in")
    return attribute, groups


def _read_domains(settings: Settings) -> dict[Domain, str]:
    section = settings.section("domains")
    bases: dict[Domain, str] = {}
    for child in section.children() if section is not None else ():
        try:
            bases[Domain.parse(child.node.name)] = child.body
        except InvalidArgument as wrong:
            child.error(str(wrong))
    return bases
