"""The recipient rewrite table: aliases, groups, forwards, domain aliases and the like."""

import asyncio
from collections.abc import AsyncIterator

from compostela.base.errors import AlreadyExists, InvalidArgument
from compostela.base.expressions import compiled
from compostela.base.ids import new_id
from compostela.core.domains.service import DomainList
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.rewriting.ports import RewritingStore
from compostela.core.rewriting.resolution import TOO_MANY, MappingError, MappingReader, Resolution, Resolver
from compostela.core.rewriting.settings import RewritingSettings
from compostela.core.rewriting.srs import SenderRewriting
from compostela.core.users.service import UsersRepository
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username

_OF_ADDRESSES = frozenset({MappingType.ADDRESS, MappingType.ALIAS, MappingType.FORWARD, MappingType.GROUP})
_OF_DOMAINS = frozenset({MappingType.DOMAIN, MappingType.DOMAIN_ALIAS})
NOTHING = Resolution()
ROLES = frozenset({"postmaster", "abuse"})
"""Local parts that reach somebody in every managed domain (RFC 5321 §4.5.1, RFC 2142 §4)."""
_TAKES_THE_ADDRESS = frozenset({MappingType.ALIAS, MappingType.FORWARD, MappingType.GROUP})


class RecipientRewriteTable:
    """Rules on top of the store."""

    def __init__(
        self,
        store: RewritingStore,
        domains: DomainList,
        users: UsersRepository,
        settings: RewritingSettings,
        postmaster: MailAddress | None = None,
        srs: SenderRewriting | None = None,
    ) -> None:
        """`srs` rewrites senders, if that is on. `postmaster` gets the mail of postmaster and abuse in each managed domain, unless
        these have a user or a mapping."""
        self._store = store
        self._domains = domains
        self._users = users
        self._settings = settings
        self._postmaster = postmaster
        self.srs = srs
        self._resolver = Resolver(store, settings.recursive, settings.mapping_limit)
        self._adding = asyncio.Lock()
        """A mapping is checked and added before the next one is checked."""

    # reading

    async def resolve(self, address: MailAddress) -> Resolution:
        """Where mail for the address goes; an empty resolution leaves the address as it is. Raises `MappingError`."""
        if self.srs is not None and (original := await self.srs.original(address)) is not None:
            return Resolution(forwards=[original], is_return=True)
        found = await self._mapped(address)
        if found.is_empty:
            if address.local_part.lower() in ROLES and await self._is_unread_role(address):
                return Resolution(await self._readers(address))
            return found
        if not any([await self._is_unread_role(leaf) for leaf in (*found.targets, *found.forwards)]):
            return found
        targets = [reader for leaf in found.targets for reader in await self._readers(leaf)]
        forwards = [reader for leaf in found.forwards for reader in await self._readers(leaf)]
        return Resolution(list(dict.fromkeys(targets)), list(dict.fromkeys(forwards)))

    async def passed_on_sender(self, sender: MailAddress | None) -> MailAddress | None:
        """The rewritten sender of a mail that goes on to another domain. The sender itself if it is one of ours, if senders are not
        rewritten, or if the new one would be too long."""
        if self.srs is None or sender is None or await self._domains.contains(sender.domain):
            return sender
        return await self.srs.rewritten(sender) or sender

    async def _mapped(self, address: MailAddress) -> Resolution:
        return NOTHING if await self._store.is_empty() else await self._resolver.resolve(address)

    async def _is_unread_role(self, address: MailAddress) -> bool:
        """Whether the address is postmaster or abuse of a managed domain, and no user."""
        return (
            self._postmaster is not None
            and address.local_part.lower() in ROLES
            and address != self._postmaster
            and await self._domains.contains(address.domain)
            and await self._users.user_for(address) is None
        )

    async def _readers(self, address: MailAddress) -> list[MailAddress]:
        """The addresses that get the mail of an address without a mapping: itself, or the postmaster's for an unread role address."""
        if self._postmaster is None or not await self._is_unread_role(address):
            return [address]
        beyond = await self._mapped(self._postmaster)
        return [self._postmaster] if beyond.is_empty else [*beyond.targets, *beyond.forwards]

    async def is_mapped(self, address: MailAddress) -> bool:
        """Whether the address or its domain has a mapping."""
        sources = MappingSource.of_address(address), MappingSource.of_domain(address.domain)
        return any([await self._store.mappings(source) for source in sources])

    async def is_read(self, address: MailAddress) -> bool:
        """Whether mail for the address reaches a user, or goes to a domain that is not managed here."""
        try:
            found = await self.resolve(address)
        except MappingError:
            return False
        leaves = [address] if found.is_empty else [*found.targets, *found.forwards]
        reached = [not await self._domains.contains(one.domain) or await self._users.user_for(one) for one in leaves]
        return any(reached)

    async def check_free(self, user: Username) -> None:
        """Raises `AlreadyExists` if mail for the user's address goes elsewhere by an alias, a group or a forward."""
        address = self._users.address_of(user)
        if address is None:
            return
        for mapping in await self._store.mappings(MappingSource.of_address(address)):
            if mapping.type in _TAKES_THE_ADDRESS:
                kind = mapping.type.name.lower()
                raise AlreadyExists(f"mail for {user} goes to {mapping.text} ({kind}): remove that first")

    async def mappings(self, source: MappingSource) -> list[Mapping]:
        return await self._store.mappings(source)

    async def sources(self, mapping: Mapping) -> list[MappingSource]:
        """Return what is mapped to this target by a mapping of this type. Raises `InvalidArgument`."""
        return [source async for batch in self._store.sources(_checked(mapping)) for source in batch]

    async def all(self) -> AsyncIterator[tuple[MappingSource, list[Mapping]]]:
        """Each source with its mappings, without holding the whole table."""
        async for batch in self._store.all():
            for entry in batch:
                yield entry

    async def sources_with(self, kind: MappingType) -> list[MappingSource]:
        """Return the sources that have a mapping of this type, by name."""
        found = [source async for source, mappings in self.all() if any(one.type is kind for one in mappings)]
        return sorted(found, key=str)

    async def addresses_of(self, user: Username) -> set[MailAddress]:
        """Addresses that a user may send from: his own, aliases, and both under aliases of their domains."""
        found = await self.own_addresses(user)
        fresh = found
        for _ in range(self._settings.mapping_limit):
            fresh = {source for address in fresh for source in await self._equivalents(address)} - found
            if not fresh:
                break
            found |= fresh
        return found

    async def can_send_as(self, user: Username, sender: MailAddress) -> bool:
        """Whether the user may use this address as sender (verifyIdentity)."""
        return sender == self._users.address_of(user) or sender in await self.addresses_of(user)

    async def own_addresses(self, user: Username) -> set[MailAddress]:
        """Without virtual hosting he is the user of that name in every domain."""
        own = self._users.address_of(user)
        if own is None:
            return set()
        if self._users.virtual_hosting:
            return {own}
        return {own, *(MailAddress(own.local_part, domain) for domain in await self._domains.all())}

    async def _equivalents(self, address: MailAddress) -> list[MailAddress]:
        aliases, domains = await asyncio.gather(
            self.sources(Mapping(MappingType.ALIAS, str(address).lower())),
            self.sources(Mapping(MappingType.DOMAIN_ALIAS, address.domain.name)),
        )
        return [
            *(MailAddress(source.local_part, source.domain) for source in aliases if source.local_part is not None),
            *(MailAddress(address.local_part, source.domain) for source in domains),
        ]

    # writing

    async def add(self, source: MappingSource, mapping: Mapping) -> bool:
        """False when it was there. Raises `InvalidArgument` for a source whose domain is not managed or a target that makes
        no sense, `AlreadyExists` when a user has the source's address or the mapping would make a loop."""
        mapping = _checked(mapping)
        if not await self._domains.contains(source.domain):
            raise InvalidArgument(f"the domain {source.domain} is not managed by this server")
        if mapping.type in _OF_ADDRESSES | _OF_DOMAINS:
            _check_target(source, mapping)
        async with self._adding:
            await self._check_fits(source, mapping)
            is_new = await self._store.add(source, mapping)
            if is_new:
                # another process may have added meanwhile what goes against it
                try:
                    await self._check_fits(source, mapping)
                except AlreadyExists:
                    await self._store.remove(source, mapping)
                    raise
            return is_new

    async def _check_fits(self, source: MappingSource, mapping: Mapping) -> None:
        """Raises `AlreadyExists` for a mapping that goes against a user or against other mappings."""
        if mapping.type in (MappingType.GROUP, MappingType.ALIAS) and source.local_part is not None:
            address = MailAddress(source.local_part, source.domain)
            if await self._users.user_for(address) is not None:
                raise AlreadyExists(f"{address} is a user")
            await self._check_no_other_kind(source, mapping.type)
        if mapping.type is not MappingType.ERROR and await self._loops(source, mapping):
            raise AlreadyExists(f"a mapping from {source} to {mapping.text} would make a loop")

    async def _check_no_other_kind(self, source: MappingSource, kind: MappingType) -> None:
        """An address is a group or an alias, not both."""
        other = MappingType.ALIAS if kind is MappingType.GROUP else MappingType.GROUP
        for mapping in await self._store.mappings(source):
            if mapping.type is other:
                raise AlreadyExists(f"'{source}' already have associated mappings: {mapping.type.prefix}{mapping.text}")

    async def remove(self, source: MappingSource, mapping: Mapping) -> bool:
        return await self._store.remove(source, _checked(mapping))

    async def _loops(self, source: MappingSource, mapping: Mapping) -> bool:
        # a whole domain is tried with a local part that has no mapping of its own
        probe = MailAddress(source.local_part or new_id(), source.domain)
        table = _WithOneMore(self._store, source, mapping)
        try:
            await Resolver(table, self._settings.recursive, self._settings.mapping_limit).resolve(probe)
        except MappingError as error:
            return str(error) == TOO_MANY
        return False


class _WithOneMore:
    """The table as it would be with one mapping more."""

    def __init__(self, table: MappingReader, source: MappingSource, mapping: Mapping) -> None:
        self._table = table
        self._source = source
        self._mapping = mapping

    async def mappings(self, source: MappingSource) -> list[Mapping]:
        found = await self._table.mappings(source)
        return [self._mapping, *found] if source == self._source else found


def _check_target(source: MappingSource, mapping: Mapping) -> None:
    target = str(source) if mapping.type in _OF_ADDRESSES else source.domain.name
    if mapping.text == target and mapping.type is not MappingType.FORWARD:
        raise InvalidArgument("source and target are the same")


def _checked(mapping: Mapping) -> Mapping:
    """The mapping with its text in the form in which it is kept. Raises `InvalidArgument`."""
    match mapping.type:
        case MappingType.DOMAIN | MappingType.DOMAIN_ALIAS:
            return Mapping(mapping.type, Domain.parse(mapping.text).name)
        case MappingType.REGEX:
            pattern, separator, _ = mapping.text.rpartition(":")
            compiled(pattern)
            if not separator:
                raise InvalidArgument("a regular expression mapping is pattern:template")
            return mapping
        case MappingType.ERROR:
            return mapping
        case _:
            return Mapping(mapping.type, str(MailAddress.parse(mapping.text)).lower())
