"""Users of an LDAP directory (RFC 4511): a search finds the entry of a name, a bind as that entry proves the password.

Searches and binds run on threads. `poolSize` of them may be under way; a further one waits `maxWaitTime`, and then takes one of
`MORE_CONNECTIONS`. Beyond that a question fails at once, as a temporary failure.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import ldap3
from cachetools import TLRUCache
from ldap3.core.exceptions import LDAPException, LDAPNoSuchObjectResult
from ldap3.operation.search import parse_filter
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import parse_dn

from compostela.adapters.ldap.sessions import Sessions
from compostela.base.clock import Clock
from compostela.base.errors import InvalidArgument, TemporaryFailure
from compostela.core.users.directory import ABSENT_SECONDS, PRESENT_SECONDS
from compostela.core.users.directory_settings import DirectorySettings
from compostela.model.domain import Domain
from compostela.model.username import Username

_log = logging.getLogger(__name__)
T = TypeVar("T")

MORE_CONNECTIONS = 16
PAGE = 500
"""Entries of one answer to a listing (RFC 2696)."""
MAX_REMEMBERED_USERS = 10_000
MAX_LISTED_USERS = 1_000_000
_PAGED = "1.2.840.113556.1.4.319"
"""The control of RFC 2696."""


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    """Distinguished name."""
    values: dict[str, list[str]]
    """By attribute, in lower case."""


class LdapDirectory:
    """See `compostela.core.users.directory.UserDirectory`."""

    def __init__(self, settings: DirectorySettings, clock: Clock) -> None:
        """Raises `InvalidArgument` for a filter, a distinguished name or a URL that is none."""
        self._settings = settings
        _check_filter(settings.filter)
        for name in (
            settings.user_base,
            settings.user_list_base,
            *settings.restriction.groups,
            *settings.domain_bases.values(),
        ):
            _check_distinguished_name(name)
        self._sessions = Sessions(settings)
        self._name_attribute = settings.username_attribute or settings.user_id_attribute
        most = settings.pool_size + MORE_CONNECTIONS
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="directory")
        self._places = asyncio.Semaphore(settings.pool_size)
        self._more = asyncio.Semaphore(MORE_CONNECTIONS)
        self._known: TLRUCache[Username, bool, float] = TLRUCache(MAX_REMEMBERED_USERS, _known_until, clock.monotonic)

    async def contains(self, user: Username) -> bool:
        known = self._known.get(user)
        if known is None:
            known = await self._on_thread(lambda: self._of_name(user)) is not None
            self._known[user] = known
        return known

    async def authenticate(self, name: Username, password: str) -> Username | None:
        if not password:
            return None
        return await self._on_thread(lambda: self._proved(name, password))

    async def names(self, domain: Domain | None = None) -> AsyncIterator[list[Username]]:
        settings, seen = self._settings, set[Username]()
        members = await self._on_thread(self._members) if settings.restriction.groups else None
        for base in dict.fromkeys([settings.user_list_base or settings.user_base, *settings.domain_bases.values()]):
            listed = await self._on_thread(partial(self._listed, base))
            for first in range(0, len(listed), PAGE):
                batch = []
                for entry in listed[first : first + PAGE]:
                    user = self._user_of(entry)
                    if user is None or user in seen or (domain is not None and user.domain != domain):
                        continue
                    if members is None or _folded(entry.name) in members:
                        seen.add(user)
                        batch.append(user)
                yield batch

    async def values(self, user: Username, attribute: str) -> list[str]:
        entry = await self._on_thread(lambda: self._of_name(user, attribute))
        return entry.values.get(attribute.lower(), []) if entry is not None else []

    async def is_member(self, user: Username, group: str) -> bool:
        def ask() -> bool:
            entry = self._of_name(user)
            attribute = self._settings.restriction.attribute
            attributes = (attribute,) if attribute else ("member", "uniqueMember")
            return entry is not None and any(self._is_in(entry.name, group, one) for one in attributes)

        return await self._on_thread(ask)

    def check_group(self, group: str) -> None:
        _check_distinguished_name(group)

    async def probe(self) -> None:
        await self._on_thread(lambda: self._search(self._settings.user_base, "(objectClass=*)", (), ldap3.BASE))

    def close(self) -> None:
        self._sessions.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    # on threads

    def _proved(self, name: Username, password: str) -> Username | None:
        settings = self._settings
        attribute = settings.user_id_attribute
        if name.domain is None and settings.resolve_local_part_attribute:
            attribute = settings.resolve_local_part_attribute
        entry = self._allowed(self._find(name, attribute))
        user = self._user_of(entry) if entry is not None else None
        # for an unknown user too, so that the time that it takes says nothing
        dn = entry.name if entry is not None else f"cn=unknown,{settings.user_base}"
        return user if self._sessions.is_password_of(dn, password) else None

    def _of_name(self, user: Username, *attributes: str) -> _Entry | None:
        """The entry of the user whom the server knows by this name."""
        entry = self._allowed(self._find(user, self._name_attribute, *attributes))
        return entry if entry is not None and self._user_of(entry) == user else None

    def _find(self, name: Username, attribute: str, *attributes: str) -> _Entry | None:
        settings = self._settings
        base = settings.domain_bases.get(name.domain, settings.user_base) if name.domain else settings.user_base
        wanted = f"({attribute}={escape_filter_chars(name.value)})"
        found = self._search(base, self._user_filter(wanted), (self._name_attribute, *attributes))
        if len(found) > 1:
            _log.warning("several entries of the directory have one name", extra={"user": name.value, "base": base})
            return None
        return found[0] if found else None

    def _user_filter(self, *more: str) -> str:
        return f"(&(objectClass={self._settings.user_object_class}){''.join(more)}{self._settings.filter})"

    def _user_of(self, entry: _Entry) -> Username | None:
        for text in entry.values.get(self._name_attribute.lower(), []):
            try:
                return Username.parse(text)
            except InvalidArgument:
                continue
        return None

    def _allowed(self, entry: _Entry | None) -> _Entry | None:
        settings = self._settings
        if entry is None or not settings.restriction.groups:
            return entry
        groups = settings.restriction.groups
        return entry if any(self._is_in(entry.name, one, settings.restriction.attribute) for one in groups) else None

    def _is_in(self, name: str, group: str, attribute: str) -> bool:
        return bool(self._search(group, f"({attribute}={escape_filter_chars(name)})", (), ldap3.BASE))

    def _members(self) -> set[str]:
        attribute = self._settings.restriction.attribute
        return {
            _folded(member)
            for group in self._settings.restriction.groups
            for entry in self._search(group, "(objectClass=*)", (attribute,), ldap3.BASE)
            for member in entry.values.get(attribute.lower(), [])
        }

    def _search(self, base: str, wanted: str, attributes: tuple[str, ...], scope: str = ldap3.SUBTREE) -> list[_Entry]:
        def question(connection: ldap3.Connection) -> list[_Entry]:
            try:
                connection.search(base, wanted, scope, attributes=list(attributes) or [ldap3.NO_ATTRIBUTES])
            except LDAPNoSuchObjectResult:
                return []
            return list(_entries(connection))

        return self._sessions.ask(question)

    def _listed(self, base: str) -> list[_Entry]:
        """All users under a base, page by page over one connection: the server's bookmark belongs to it."""

        def question(connection: ldap3.Connection) -> list[_Entry]:
            found: list[_Entry] = []
            cookie: bytes | None = None
            while len(found) < MAX_LISTED_USERS:
                wanted = self._user_filter()
                connection.search(base, wanted, attributes=[self._name_attribute], paged_size=PAGE, paged_cookie=cookie)
                found += _entries(connection)
                # a server that does not know the control gives everything at once
                paged = connection.result.get("controls", {}).get(_PAGED)
                cookie = paged["value"]["cookie"] if paged is not None else None
                if not cookie:
                    return found
            _log.warning(
                "the directory has more users than are listed", extra={"base": base, "limit": MAX_LISTED_USERS}
            )
            return found

        return self._sessions.ask(question)

    # inside

    async def _on_thread(self, work: Callable[[], T]) -> T:
        """Raises `TemporaryFailure` if too much is under way."""
        places = self._places
        try:
            async with asyncio.timeout(self._settings.max_wait_seconds):
                await places.acquire()
        except TimeoutError:
            places = self._more
            if places.locked():
                raise TemporaryFailure("too many questions to the directory are under way") from None
            await places.acquire()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            places.release()


def _known_until(_user: Username, is_present: bool, now: float) -> float:
    return now + (PRESENT_SECONDS if is_present else ABSENT_SECONDS)


def _check_distinguished_name(text: str) -> None:
    """Raises `InvalidArgument` (RFC 4514)."""
    if not text:
        return
    try:
        parse_dn(text)
    except LDAPException as error:
        raise InvalidArgument(f"{text!r} is no distinguished name: {error}") from error


def _check_filter(text: str) -> None:
    if not text:
        return
    try:
        parse_filter(text, None, auto_escape=False, auto_encode=False, validator=None, check_names=False)
    except LDAPException as error:
        raise InvalidArgument(f"{text!r} is no filter: {error}") from error


def _entries(connection: ldap3.Connection) -> Iterator[_Entry]:
    for one in connection.response or ():
        if one["type"] == "searchResEntry":
            texts = {name.lower(): [_text(value) for value in raw] for name, raw in one["raw_attributes"].items()}
            yield _Entry(one["dn"], texts)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _folded(name: str) -> str:
    """A distinguished name for comparison: case and blanks after commas do not count."""
    return ",".join(f"{attribute}={value}".lower() for attribute, value, _ in parse_dn(name, strip=True))
