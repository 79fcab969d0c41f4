"""A whole set of account rules on an embedded store."""

from dataclasses import dataclass
from pathlib import Path

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.domains.service import DomainList
from compostela.core.domains.settings import DomainListSettings
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.rewriting.settings import RewritingSettings
from compostela.core.users.passwords import Algorithm
from compostela.core.users.service import UsersRepository
from compostela.core.users.settings import UsersSettings
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.testing.data_folder import open_store

QUICK = Algorithm.parse("PBKDF2-SHA512-10-512")


@dataclass
class Accounts:
    """`example.org` and `example.net` are managed; sleeps are recorded instead of slept."""

    store: EmbeddedStore
    domains: DomainList
    users: UsersRepository
    rewriting: RecipientRewriteTable
    slept: list[float]

    @classmethod
    async def open(
        cls, folder: Path, users: UsersSettings | None = None, rewriting: RewritingSettings | None = None
    ) -> "Accounts":
        store = await open_store(folder)
        domains = DomainList(store.domains, DomainListSettings(domains=(Domain("example.org"), Domain("example.net"))))
        await domains.add_configured()
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        repository = UsersRepository(store.users, domains, users or UsersSettings(algorithm=QUICK), sleep)
        table = RecipientRewriteTable(store.rewriting, domains, repository, rewriting or RewritingSettings())
        return cls(store, domains, repository, table, slept)

    async def close(self) -> None:
        self.users.close()
        await self.store.close()

    async def user(self, name: str) -> Username:
        user = Username.parse(name)
        await self.users.add(user, "secret")
        return user

    async def map(self, source: str, kind: MappingType, text: str) -> bool:
        """`source` is an address, or a domain."""
        return await self.rewriting.add(source_of(source), Mapping(kind, text))

    async def resolved(self, recipient: str) -> tuple[set[str], set[str]]:
        """(targets, forwards)."""
        found = await self.rewriting.resolve(MailAddress.parse(recipient))
        return set(map(str, found.targets)), set(map(str, found.forwards))


def source_of(text: str) -> MappingSource:
    if "@" in text:
        return MappingSource.of_address(MailAddress.parse(text))
    return MappingSource.of_domain(Domain(text))


def element(name: str, text: str = "", /, *children: Node, **attributes: str) -> Node:
    return Node(name, Place("test.xml", 1), text, attributes, list(children))


def reader(*children: Node, **attributes: str) -> tuple[Settings, Problems]:
    problems = Problems()
    return Settings(element("root", "", *children, **attributes), problems), problems
