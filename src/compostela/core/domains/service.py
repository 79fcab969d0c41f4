"""The list of managed domains: mail for them is local, mail for others is relayed or refused."""

from compostela.base.errors import InvalidArgument
from compostela.core.domains.ports import DomainStore
from compostela.core.domains.settings import DomainListSettings
from compostela.model.domain import Domain


class DomainList:
    """Rules on top of the store."""

    def __init__(self, store: DomainStore, settings: DomainListSettings) -> None:
        self._store = store
        self._settings = settings
        self.default_domain = settings.default_domain
        # as texts, since those are compared in C: each mail asks several times
        self._known = frozenset(domain.name for domain in (settings.default_domain, *settings.domains))

    async def add_configured(self) -> None:
        """At every start: the default domain and those of the configuration."""
        for domain in (self._settings.default_domain, *self._settings.domains):
            if not await self._store.contains(domain):
                await self._store.add(domain)

    async def contains(self, domain: Domain) -> bool:
        if domain.name in self._known:
            return True  # also while the store is away
        return await self._store.contains(domain)

    async def all(self) -> list[Domain]:
        """Sorted."""
        return sorted([domain async for batch in self._store.all() for domain in batch], key=lambda one: one.name)

    async def add(self, domain: Domain) -> bool:
        """False when it was there. Raises `InvalidArgument` for an address literal."""
        if domain.name.startswith("["):
            raise InvalidArgument(f"{domain} is an address, not a domain")
        return await self._store.add(domain)

    async def remove(self, domain: Domain) -> bool:
        """False when it was not there. Raises `InvalidArgument` for the default domain and configured ones."""
        if domain == self.default_domain:
            raise InvalidArgument(f"{domain} is the default domain and can't be removed")
        if domain in self._settings.domains:
            raise InvalidArgument(f"{domain} comes from domainlist.xml: remove it there, or turn autodetect off")
        return await self._store.remove(domain)
