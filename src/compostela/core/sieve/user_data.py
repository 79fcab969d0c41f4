"""Sieve scripts, and the memory of their runs, of a user who is renamed or deleted."""

from compostela.core.sieve.ports import SieveScripts
from compostela.core.users.data_steps import UserDeletionStep, UsernameChangeStep
from compostela.model.username import Username


class SieveChange(UsernameChangeStep):
    """Our own step."""

    name = "SieveUsernameChangeTaskStep"
    priority = 8

    def __init__(self, scripts: SieveScripts) -> None:
        self._scripts = scripts

    async def change(self, old: Username, new: Username) -> None:
        await self._scripts.move(old, new)


class SieveDeletion(UserDeletionStep):
    """Our own step."""

    name = "SieveUserDeletionTaskStep"
    priority = 8

    def __init__(self, scripts: SieveScripts) -> None:
        self._scripts = scripts

    async def delete(self, user: Username) -> None:
        await self._scripts.forget(user)
