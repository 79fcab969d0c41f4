"""What stores of drop lists and of DLP rules keep to."""

from compostela.core.dlp.model import DlpRule
from compostela.core.dlp.ports import DlpRuleStore
from compostela.core.drop_lists.model import GLOBAL, Denied, DropList, Scope
from compostela.core.drop_lists.ports import DropListStore
from compostela.model.domain import Domain
from tests.contracts.distance import Eventually

OF_BOB = DropList.of(Scope.USER, "Bob@example.org")
OF_DOMAIN = DropList.of(Scope.DOMAIN, "Example.org")
EVE, EVIL = Denied.parse("Eve@evil.example"), Denied.parse("Evil.example")
ORG, COM = Domain.parse("example.org"), Domain.parse("example.com")


async def entries_of(store: DropListStore, owner: DropList) -> list[Denied]:
    return [one async for batch in store.entries(owner) for one in batch]


class DropListStoreContract:
    """A subclass gives `drop_lists`, and the same as another process or node has it: `drop_lists_elsewhere`."""

    ports = (DropListStore,)

    async def test_lists_are_apart_and_have_each_entry_once(self, drop_lists: DropListStore) -> None:
        for owner in (GLOBAL, OF_DOMAIN, OF_BOB):
            assert await entries_of(drop_lists, owner) == []
        for denied in (EVE, EVE, EVIL):
            await drop_lists.add(OF_BOB, denied)
        assert await entries_of(drop_lists, OF_BOB) == [EVIL, EVE]
        assert await drop_lists.contains(OF_BOB, EVE)
        assert not await drop_lists.contains(GLOBAL, EVE)
        assert await entries_of(drop_lists, OF_DOMAIN) == []
        await drop_lists.remove(OF_BOB, EVE)
        await drop_lists.remove(OF_BOB, EVE)
        assert await entries_of(drop_lists, OF_BOB) == [EVIL]
        await drop_lists.clear(OF_BOB)
        assert await entries_of(drop_lists, OF_BOB) == []

    async def test_any_list_with_any_name_denies(self, drop_lists: DropListStore) -> None:
        await drop_lists.add(OF_DOMAIN, EVIL)
        assert await drop_lists.denies((GLOBAL, OF_DOMAIN), (EVE, EVIL))
        assert not await drop_lists.denies((GLOBAL, OF_BOB), (EVE, EVIL))
        assert not await drop_lists.denies((GLOBAL, OF_DOMAIN), (EVE,))

    async def test_a_long_list_comes_whole(self, drop_lists: DropListStore) -> None:
        wanted = [Denied.parse(f"{number:04}@evil.example") for number in range(2500)]
        for denied in wanted:
            await drop_lists.add(GLOBAL, denied)
        assert await entries_of(drop_lists, GLOBAL) == wanted

    async def test_a_change_is_seen_elsewhere(
        self, drop_lists: DropListStore, drop_lists_elsewhere: DropListStore, eventually: Eventually
    ) -> None:
        async def is_denied() -> bool:
            return await drop_lists_elsewhere.denies((GLOBAL,), (EVE,))

        await drop_lists.add(GLOBAL, EVE)
        await eventually(is_denied)


RULES = (
    DlpRule("1", "secret", "an explanation", targets_content=True),
    DlpRule("2", "(a|b)é", targets_sender=True, targets_recipients=True),
)


class DlpRuleStoreContract:
    """A subclass gives `dlp_rules`, and the same as another process or node has it: `dlp_rules_elsewhere`."""

    ports = (DlpRuleStore,)

    async def test_rules_are_replaced_whole_and_seen_elsewhere(
        self, dlp_rules: DlpRuleStore, dlp_rules_elsewhere: DlpRuleStore
    ) -> None:
        assert list(await dlp_rules.get(ORG)) == []
        await dlp_rules.replace(ORG, RULES)
        assert list(await dlp_rules_elsewhere.get(ORG)) == list(RULES)
        await dlp_rules_elsewhere.replace(ORG, RULES[1:])
        assert list(await dlp_rules.get(ORG)) == [RULES[1]]
        assert list(await dlp_rules.get(COM)) == []
        await dlp_rules.clear(ORG)
        await dlp_rules.clear(ORG)
        assert list(await dlp_rules_elsewhere.get(ORG)) == []
