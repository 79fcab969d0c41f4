"""Vacation settings and answered senders of a user that is renamed or deleted."""

from compostela.core.users.data_steps import UserDeletionStep, UsernameChangeStep
from compostela.core.vacation.ports import VacationStore
from compostela.model.username import Username


class VacationChange(UsernameChangeStep):
    """Our own step."""

    name = "VacationUsernameChangeTaskStep"
    priority = 7

    def __init__(self, vacations: VacationStore) -> None:
        self._vacations = vacations

    async def change(self, old: Username, new: Username) -> None:
        await self._vacations.move(old, new)


class VacationDeletion(UserDeletionStep):
    name = "VacationUserDeletionTaskStep"
    priority = 7

    def __init__(self, vacations: VacationStore) -> None:
        self._vacations = vacations

    async def delete(self, user: Username) -> None:
        await self._vacations.clear(user)
