"""What stores of vacations keep to."""

import asyncio

from compostela.core.vacation.model import NO_VACATION, Vacation
from compostela.core.vacation.ports import VacationStore
from compostela.model.mail_address import MailAddress
from compostela.model.numbers import EntryId
from compostela.model.username import Username
from compostela.testing.clock import START

BOB, ANN = Username.parse("bob@example.org"), Username.parse("ann@example.org")
CARL, DORA = MailAddress.parse("carl@b.example"), MailAddress.parse("dora@b.example")
FIRST, SECOND = EntryId("first"), EntryId("second")
AWAY = Vacation(True, START, START + 60.5, "Éloignée", "text", "<p>html</p>")


class VacationStoreContract:
    """A subclass gives `vacations`, and the same as another process or node has it: `vacations_elsewhere`."""

    ports = (VacationStore,)

    async def test_the_last_settings_count_everywhere(
        self, vacations: VacationStore, vacations_elsewhere: VacationStore
    ) -> None:
        assert await vacations.get(BOB) == NO_VACATION
        await vacations.set(BOB, Vacation(True))
        await vacations_elsewhere.set(BOB, AWAY)
        assert await vacations.get(BOB) == await vacations_elsewhere.get(BOB) == AWAY
        assert await vacations.get(ANN) == NO_VACATION
        await vacations.clear(BOB)
        await vacations.clear(BOB)
        assert await vacations_elsewhere.get(BOB) == NO_VACATION
        await vacations.set(BOB, AWAY)
        assert await vacations_elsewhere.get(BOB) == AWAY, "that there is none is not remembered"

    async def test_one_entry_answers_a_sender_and_may_be_repeated(self, vacations: VacationStore) -> None:
        async def claim(sender: MailAddress, entry: EntryId, now: float = START, user: Username = BOB) -> bool:
            return await vacations.claim(user, sender, entry, now, START + 60)

        assert await claim(CARL, FIRST)
        assert await claim(CARL, FIRST)
        assert not await claim(CARL, SECOND)
        assert not await claim(MailAddress.parse("CARL@b.example"), SECOND)
        assert await claim(DORA, SECOND)
        assert await claim(CARL, SECOND, user=ANN)
        assert await claim(CARL, SECOND, START + 61)

    async def test_of_many_entries_at_once_one_answers(
        self, vacations: VacationStore, vacations_elsewhere: VacationStore
    ) -> None:
        stores = (vacations, vacations_elsewhere)
        claims = (stores[n % 2].claim(BOB, CARL, EntryId(str(n)), START, START + 60) for n in range(8))
        assert sum(await asyncio.gather(*claims)) == 1

    async def test_new_settings_and_their_end_forget_who_was_answered(self, vacations: VacationStore) -> None:
        await vacations.set(BOB, AWAY)
        assert await vacations.claim(BOB, CARL, FIRST, START, START + 60)
        await vacations.set(BOB, AWAY)
        assert await vacations.claim(BOB, CARL, SECOND, START, START + 60)
        await vacations.clear(BOB)
        assert await vacations.claim(BOB, CARL, FIRST, START, START + 60)

    async def test_settings_and_who_was_answered_move_to_another_user(
        self, vacations: VacationStore, vacations_elsewhere: VacationStore
    ) -> None:
        await vacations.set(BOB, AWAY)
        assert await vacations.claim(BOB, CARL, FIRST, START, START + 60)
        assert (await vacations_elsewhere.get(BOB), await vacations_elsewhere.get(ANN)) == (AWAY, NO_VACATION)
        for _ in range(2):
            await vacations.move(BOB, ANN)
            assert await vacations_elsewhere.get(ANN) == AWAY
            assert await vacations_elsewhere.get(BOB) == NO_VACATION
            assert not await vacations_elsewhere.claim(ANN, CARL, SECOND, START, START + 60)
        assert await vacations.claim(BOB, CARL, SECOND, START, START + 60)

    async def test_settings_of_the_other_user_stay(self, vacations: VacationStore) -> None:
        await vacations.set(BOB, AWAY)
        await vacations.set(ANN, Vacation(True))
        await vacations.move(BOB, ANN)
        assert await vacations.get(ANN) == Vacation(True)
        assert await vacations.get(BOB) == NO_VACATION
