"""What the stores of users, domains and the rewrite table keep to. Subclasses give the fixtures `users`, `domains` and
`rewriting`, and the same as another process or node has them: `users_elsewhere`, `domains_elsewhere`, `rewriting_elsewhere`."""

import asyncio

import pytest

from compostela.base.errors import AlreadyExists, NotFound
from compostela.core.authentication.ports import DelegationStore
from compostela.core.domains.ports import DomainStore
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.rewriting.ports import RewritingStore
from compostela.core.users.ports import UserStore
from compostela.model.domain import Domain
from compostela.model.username import Username
from tests.contracts.fakes import address

BOB = Username.parse("bob@example.org")


class UserStoreContract:
    ports = (UserStore,)

    async def test_a_user_comes_and_goes(self, users: UserStore) -> None:
        assert await users.password_hash(BOB) is None
        await users.add(BOB, "hash")
        assert await users.password_hash(BOB) == "hash"
        await users.set_password_hash(BOB, "other")
        assert await users.password_hash(BOB) == "other"
        assert await users.remove(BOB)
        assert not await users.remove(BOB)
        assert await users.password_hash(BOB) is None

    async def test_a_user_is_added_once(self, users: UserStore) -> None:
        await users.add(BOB, "hash")
        with pytest.raises(AlreadyExists):
            await users.add(BOB, "other")
        assert await users.password_hash(BOB) == "hash"

    async def test_only_a_known_user_gets_a_new_hash(self, users: UserStore) -> None:
        with pytest.raises(NotFound):
            await users.set_password_hash(BOB, "hash")

    async def test_scram_secrets_belong_to_one_password(self, users: UserStore) -> None:
        assert await users.scram(BOB) is None
        await users.add(BOB, "hash")
        assert await users.scram(BOB) is None
        assert not await users.renew(BOB, "another hash", "new", "secrets")
        assert (await users.password_hash(BOB), await users.scram(BOB)) == ("hash", None)
        assert await users.renew(BOB, "hash", "new", "secrets")
        assert (await users.password_hash(BOB), await users.scram(BOB)) == ("new", "secrets")
        await users.set_password_hash(BOB, "other", "others")
        assert await users.scram(BOB) == "others"
        await users.set_password_hash(BOB, "third")
        assert await users.scram(BOB) is None
        await users.remove(BOB)
        await users.add(BOB, "hash", "at once")
        assert await users.scram(BOB) == "at once"

    async def test_a_secret_is_made_once(self, users: UserStore, users_elsewhere: UserStore) -> None:
        made = await asyncio.gather(users.secret("one"), users_elsewhere.secret("one"))
        assert made[0] == made[1] == await users.secret("one")
        assert len(made[0]) == 32
        assert await users.secret("another") != made[0]

    async def test_names_come_in_pages(self, users: UserStore) -> None:
        names = [Username.parse(text) for text in ("a@x.org", "b@y.org", "c@x.org", "d")]
        for user in reversed(names):
            await users.add(user, "hash")
        assert await users.names() == names
        assert await users.names(limit=2) == names[:2]
        assert await users.names(after=names[1], limit=2) == names[2:]
        assert await users.names(domain=Domain("x.org")) == [names[0], names[2]]
        assert await users.names(domain=Domain("x.org"), after=names[0]) == [names[2]]

    async def test_of_many_who_add_a_user_at_once_one_does(self, users: UserStore) -> None:
        done = await asyncio.gather(*(users.add(BOB, f"hash{n}") for n in range(6)), return_exceptions=True)
        assert sorted(isinstance(one, AlreadyExists) for one in done) == [False] + [True] * 5
        assert await users.password_hash(BOB) == f"hash{done.index(None)}"

    async def test_a_change_is_seen_everywhere(self, users: UserStore, users_elsewhere: UserStore) -> None:
        assert await users_elsewhere.password_hash(BOB) is None
        await users.add(BOB, "hash")
        assert await users_elsewhere.password_hash(BOB) == "hash"
        await users_elsewhere.set_password_hash(BOB, "other")
        assert await users.password_hash(BOB) == "other"
        with pytest.raises(AlreadyExists):
            await users_elsewhere.add(BOB, "third")
        await users.remove(BOB)
        assert await users_elsewhere.password_hash(BOB) is None
        assert await users_elsewhere.names() == []


class DelegationStoreContract:
    ports = (DelegationStore,)

    async def test_delegations_are_found_from_both_sides(self, delegations: DelegationStore) -> None:
        ann, carol = Username("ann@example.org"), Username("carol@example.org")
        for base, delegate in ((BOB, carol), (BOB, ann), (ann, carol), (BOB, ann)):
            await delegations.allow(base, delegate)
        assert await delegations.delegates(BOB) == [ann, carol]
        assert await delegations.bases(carol) == [ann, BOB]
        await delegations.forbid(BOB, carol)
        await delegations.forbid(BOB, carol)
        assert await delegations.delegates(BOB) == [ann]
        assert await delegations.bases(carol) == [ann]
        await delegations.forget(ann)
        assert await delegations.delegates(BOB) == []
        assert await delegations.delegates(ann) == []

    async def test_they_go_with_their_users(self, delegations: DelegationStore, users: UserStore) -> None:
        ann = Username("ann@example.org")
        for user in (ann, BOB):
            await users.add(user, "hash")
        await delegations.allow(BOB, ann)
        assert await users.remove(ann)
        assert await delegations.delegates(BOB) == []


class DomainStoreContract:
    ports = (DomainStore,)

    async def test_a_domain_comes_and_goes(self, domains: DomainStore) -> None:
        domain = Domain.parse("Example.org")
        assert not await domains.contains(domain)
        assert await domains.add(domain)
        assert not await domains.add(domain)
        await domains.add(Domain("a.example"))
        assert await domains.contains(domain)
        assert await domains.all() == [Domain("a.example"), domain]
        assert await domains.remove(domain)
        assert not await domains.remove(domain)
        assert not await domains.contains(domain)

    async def test_a_change_is_seen_everywhere(self, domains: DomainStore, domains_elsewhere: DomainStore) -> None:
        domain = Domain("example.org")
        for store, other in ((domains, domains_elsewhere), (domains_elsewhere, domains)):
            assert not await other.contains(domain)
            await store.add(domain)
            assert await other.contains(domain)
            assert not await other.add(domain)
            assert await other.remove(domain)
            assert not await store.contains(domain)


class RewritingStoreContract:
    ports = (RewritingStore,)

    SOURCE = MappingSource.of_address(address("Info@example.org"))
    ALIAS = Mapping(MappingType.ALIAS, "bob@example.org")

    async def test_a_mapping_comes_and_goes(self, rewriting: RewritingStore) -> None:
        assert await rewriting.is_empty()
        assert await rewriting.add(self.SOURCE, self.ALIAS)
        assert not await rewriting.add(self.SOURCE, self.ALIAS)
        assert not await rewriting.is_empty()
        assert await rewriting.mappings(self.SOURCE) == [self.ALIAS]
        assert await rewriting.remove(self.SOURCE, self.ALIAS)
        assert not await rewriting.remove(self.SOURCE, self.ALIAS)
        assert await rewriting.mappings(self.SOURCE) == []
        assert await rewriting.is_empty()

    async def test_mappings_come_in_the_order_of_application(self, rewriting: RewritingStore) -> None:
        mappings = [
            Mapping(MappingType.DOMAIN, "example.net"),
            Mapping(MappingType.GROUP, "z@example.org"),
            Mapping(MappingType.ALIAS, "a@example.org"),
            Mapping(MappingType.FORWARD, "a@example.org"),
            Mapping(MappingType.ADDRESS, "a@example.org"),
            Mapping(MappingType.ERROR, "550 no"),
            Mapping(MappingType.REGEX, "(.*)@.*:${1}@example.com"),
        ]
        for mapping in reversed(mappings):
            await rewriting.add(self.SOURCE, mapping)
        assert await rewriting.mappings(self.SOURCE) == mappings

    async def test_an_address_and_its_domain_are_apart(self, rewriting: RewritingStore) -> None:
        whole = MappingSource.of_domain(Domain("example.org"))
        alias = Mapping(MappingType.DOMAIN_ALIAS, "example.net")
        await rewriting.add(whole, alias)
        await rewriting.add(self.SOURCE, self.ALIAS)
        assert await rewriting.mappings(whole) == [alias]
        assert await rewriting.mappings(self.SOURCE) == [self.ALIAS]
        assert await rewriting.all() == {whole: [alias], self.SOURCE: [self.ALIAS]}

    async def test_sources_of_a_target(self, rewriting: RewritingStore) -> None:
        other = MappingSource.of_address(address("sales@example.org"))
        await rewriting.add(self.SOURCE, self.ALIAS)
        await rewriting.add(other, self.ALIAS)
        await rewriting.add(other, Mapping(MappingType.GROUP, "bob@example.org"))
        assert await rewriting.sources(self.ALIAS) == [self.SOURCE, other]
        assert await rewriting.sources(Mapping(MappingType.FORWARD, "bob@example.org")) == []

    async def test_what_is_given_is_the_caller_s(self, rewriting: RewritingStore) -> None:
        await rewriting.add(self.SOURCE, self.ALIAS)
        for _ in range(2):
            (await rewriting.mappings(self.SOURCE)).clear()
        assert await rewriting.mappings(self.SOURCE) == [self.ALIAS]

    async def test_a_change_is_seen_everywhere(
        self, rewriting: RewritingStore, rewriting_elsewhere: RewritingStore
    ) -> None:
        assert await rewriting_elsewhere.is_empty()
        assert await rewriting_elsewhere.mappings(self.SOURCE) == []
        await rewriting.add(self.SOURCE, self.ALIAS)
        assert not await rewriting_elsewhere.is_empty()
        assert await rewriting_elsewhere.mappings(self.SOURCE) == [self.ALIAS]
        assert await rewriting_elsewhere.remove(self.SOURCE, self.ALIAS)
        assert await rewriting.mappings(self.SOURCE) == []
        assert await rewriting.is_empty()
