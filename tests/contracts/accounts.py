"""What the stores of users, domains and the rewrite table keep to. Subclasses give the fixtures `users`, `domains` and
`rewriting`, `delegations`, the same as another process or node has them: `users_elsewhere`, `domains_elsewhere` and so on
(with a clock that is an hour ahead: the last call wins, whatever the clocks say), and `eventually` and `faulty` of
`tests.contracts.distance`."""

import asyncio
import contextlib
import itertools

import pytest

from compostela.base.errors import AlreadyExists, NotFound, TemporaryFailure
from compostela.core.authentication.ports import DelegationStore
from compostela.core.domains.ports import DomainStore
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.rewriting.ports import RewritingStore
from compostela.core.users.ports import UserStore
from compostela.model.domain import Domain
from compostela.model.username import Username
from compostela.testing.mails import address
from tests.contracts.distance import Eventually, Faulty

BOB = Username.parse("bob@example.org")


async def all_of(domains: DomainStore) -> list[Domain]:
    return [domain async for batch in domains.all() for domain in batch]


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
        of_domain = [names[0], names[2]]
        assert (await users.names(domain=Domain("x.org"))).names == of_domain
        for limit in (1, 2, 3, 100):
            assert sorted(await self.paged(users, None, limit), key=str) == names
            assert await self.paged(users, Domain("x.org"), limit) == of_domain, "in order within a domain"
        assert await self.paged(users, Domain("unknown.org"), 1) == []

    async def paged(self, users: UserStore, domain: Domain | None, limit: int) -> list[Username]:
        found: list[Username] = []
        cursor = None
        while True:
            page = await users.names(domain=domain, cursor=cursor, limit=limit)
            assert len(page.names) <= limit
            found += page.names
            if page.next_cursor is None:
                return found
            cursor = page.next_cursor

    async def test_users_come_and_go_while_they_are_listed(self, users: UserStore) -> None:
        stay = [Username.parse(f"stays{number:02}@x.org") for number in range(20)]
        go = [Username.parse(f"goes{number:02}@x.org") for number in range(20)]
        for user in [*stay, *go]:
            await users.add(user, "hash")
        found: list[Username] = []
        cursor = None
        for number in range(40):
            page = await users.names(domain=Domain("x.org"), cursor=cursor, limit=3)
            found += page.names
            if page.next_cursor is None:
                break
            cursor = page.next_cursor
            if number < len(go):
                await users.remove(go[number])
                await users.add(Username.parse(f"new{number:02}@x.org"), "hash")
        assert [user for user in found if user in stay] == stay
        assert len(found) == len(set(found))

    async def test_existence_needs_no_password(self, users: UserStore) -> None:
        assert not await users.exists(BOB)
        await users.add(BOB, "hash")
        assert await users.exists(BOB)
        await users.remove(BOB)
        assert not await users.exists(BOB)

    async def test_of_many_who_add_a_user_at_once_one_does(self, users: UserStore) -> None:
        done = await asyncio.gather(*(users.add(BOB, f"hash{n}") for n in range(6)), return_exceptions=True)
        assert sorted(isinstance(one, AlreadyExists) for one in done) == [False] + [True] * 5
        assert await users.password_hash(BOB) == f"hash{done.index(None)}"

    async def test_a_credential_is_seen_everywhere_at_once(self, users: UserStore, users_elsewhere: UserStore) -> None:
        assert await users_elsewhere.password_hash(BOB) is None
        await users.add(BOB, "hash", "secrets")
        assert (await users_elsewhere.password_hash(BOB), await users_elsewhere.scram(BOB)) == ("hash", "secrets")
        await users_elsewhere.set_password_hash(BOB, "other")
        assert (await users.password_hash(BOB), await users.scram(BOB)) == ("other", None)
        assert await users.renew(BOB, "other", "renewed", "renewed secrets")
        assert await users_elsewhere.password_hash(BOB) == "renewed"
        with pytest.raises(AlreadyExists):
            await users_elsewhere.add(BOB, "third")
        await users.remove(BOB)
        assert (await users_elsewhere.password_hash(BOB), await users_elsewhere.scram(BOB)) == (None, None)

    async def test_existence_is_seen_everywhere_within_the_bound(
        self, users: UserStore, users_elsewhere: UserStore, eventually: Eventually
    ) -> None:
        for store, other in ((users, users_elsewhere), (users_elsewhere, users)):
            assert not await other.exists(BOB)
            await store.add(BOB, "hash")
            await eventually(lambda other=other: other.exists(BOB))  # type: ignore[misc]
            await store.remove(BOB)

            async def is_gone(other: UserStore = other) -> bool:
                return not await other.exists(BOB) and not (await other.names()).names

            await eventually(is_gone)

    async def test_the_last_call_wins_whatever_the_clocks_say(
        self, users: UserStore, users_elsewhere: UserStore
    ) -> None:
        for first, second in ((users, users_elsewhere), (users_elsewhere, users)):
            await first.add(BOB, "first")
            await second.set_password_hash(BOB, "second")
            assert await first.password_hash(BOB) == "second"
            await first.set_password_hash(BOB, "third")
            assert await second.password_hash(BOB) == "third"
            assert await second.remove(BOB)
            assert await first.password_hash(BOB) is None
            await first.add(BOB, "again")
            assert await second.remove(BOB), "a user who was added after a deletion is there"

    async def test_an_unknown_outcome_leaves_either_state(self, users: UserStore, faulty: Faulty) -> None:
        with faulty.drops_answers(), pytest.raises(TemporaryFailure):
            await users.add(BOB, "hash")
        with contextlib.suppress(AlreadyExists):
            await users.add(BOB, "hash")
        with faulty.refuses(), pytest.raises(TemporaryFailure):
            await users.set_password_hash(BOB, "other")
        assert await users.password_hash(BOB) in ("hash", "other")
        assert (await users.names()).names == [BOB]


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

    async def test_the_last_call_wins_whatever_the_clocks_say(
        self, delegations: DelegationStore, delegations_elsewhere: DelegationStore
    ) -> None:
        ann = Username("ann@example.org")
        for first, second in ((delegations, delegations_elsewhere), (delegations_elsewhere, delegations)):
            await first.allow(BOB, ann)
            assert (await second.delegates(BOB), await second.bases(ann)) == ([ann], [BOB])
            await second.forbid(BOB, ann)
            assert (await first.delegates(BOB), await first.bases(ann)) == ([], [])
            await first.allow(BOB, ann)
            assert await second.delegates(BOB) == [ann]
            await second.forget(BOB)
            assert (await first.delegates(BOB), await first.bases(ann)) == ([], [])

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
        assert sorted(await all_of(domains), key=str) == [Domain("a.example"), domain]
        assert await domains.remove(domain)
        assert not await domains.remove(domain)
        assert not await domains.contains(domain)

    async def test_many_domains_come_in_batches(self, domains: DomainStore) -> None:
        names = [Domain(f"d{number}.example") for number in range(2500)]
        await asyncio.gather(*(domains.add(domain) for domain in names))
        batches = [batch async for batch in domains.all()]
        assert len(batches) > 1
        assert sorted(itertools.chain(*batches), key=str) == sorted(names, key=str)

    async def test_a_change_is_seen_everywhere_within_the_bound(
        self, domains: DomainStore, domains_elsewhere: DomainStore, eventually: Eventually
    ) -> None:
        domain = Domain("example.org")
        for store, other in ((domains, domains_elsewhere), (domains_elsewhere, domains)):
            assert not await other.contains(domain)
            await store.add(domain)
            await eventually(lambda other=other: other.contains(domain))  # type: ignore[misc]
            assert not await other.add(domain)
            assert await other.remove(domain)

            async def is_gone(store: DomainStore = store) -> bool:
                return not await store.contains(domain)

            await eventually(is_gone)


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
        table = [entry async for batch in rewriting.all() for entry in batch]
        assert len(table) == 2
        assert dict(table) == {whole: [alias], self.SOURCE: [self.ALIAS]}

    async def test_a_large_table_comes_in_batches(self, rewriting: RewritingStore) -> None:
        sources = [MappingSource.of_address(address(f"alias{number}@example.org")) for number in range(2500)]
        await asyncio.gather(*(rewriting.add(source, self.ALIAS) for source in sources))
        of_target = [batch async for batch in rewriting.sources(self.ALIAS)]
        table = [batch async for batch in rewriting.all()]
        assert min(len(of_target), len(table)) > 1
        assert sorted(itertools.chain(*of_target), key=str) == sorted(sources, key=str)
        assert dict(itertools.chain(*table)) == {source: [self.ALIAS] for source in sources}

    async def test_sources_of_a_target(self, rewriting: RewritingStore) -> None:
        other = MappingSource.of_address(address("sales@example.org"))
        await rewriting.add(self.SOURCE, self.ALIAS)
        await rewriting.add(other, self.ALIAS)
        await rewriting.add(other, Mapping(MappingType.GROUP, "bob@example.org"))
        assert await self.sources(rewriting, self.ALIAS) == {self.SOURCE, other}
        assert await self.sources(rewriting, Mapping(MappingType.FORWARD, "bob@example.org")) == set()

    async def sources(self, rewriting: RewritingStore, mapping: Mapping) -> set[MappingSource]:
        found = [source async for batch in rewriting.sources(mapping) for source in batch]
        assert len(found) == len(set(found))
        return set(found)

    async def test_what_is_given_is_the_caller_s(self, rewriting: RewritingStore) -> None:
        await rewriting.add(self.SOURCE, self.ALIAS)
        for _ in range(2):
            (await rewriting.mappings(self.SOURCE)).clear()
        assert await rewriting.mappings(self.SOURCE) == [self.ALIAS]

    async def test_a_change_is_seen_everywhere_within_the_bound(
        self, rewriting: RewritingStore, rewriting_elsewhere: RewritingStore, eventually: Eventually
    ) -> None:
        assert await rewriting_elsewhere.mappings(self.SOURCE) == []
        await rewriting.add(self.SOURCE, self.ALIAS)

        async def is_there() -> bool:
            mappings = await rewriting_elsewhere.mappings(self.SOURCE)
            return mappings == [self.ALIAS] and not await rewriting_elsewhere.is_empty()

        await eventually(is_there)
        assert await rewriting_elsewhere.remove(self.SOURCE, self.ALIAS)

        async def is_gone() -> bool:
            return await rewriting.mappings(self.SOURCE) == []

        await eventually(is_gone)
