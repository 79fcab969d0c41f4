"""Delegations of a user who is renamed or deleted."""

from compostela.core.authentication.ports import DelegationStore
from compostela.core.users.data_steps import UserDeletionStep, UsernameChangeStep
from compostela.model.username import Username


class DelegationChange(UsernameChangeStep):
    """Both ways: to the user, and from the user."""

    name = "DelegationUsernameChangeTaskStep"
    priority = 3

    def __init__(self, delegations: DelegationStore) -> None:
        self._delegations = delegations

    async def change(self, old: Username, new: Username) -> None:
        for delegate in await self._delegations.delegates(old):
            if delegate != new:
                await self._delegations.allow(new, delegate)
        for base in await self._delegations.bases(old):
            if base != new:
                await self._delegations.allow(base, new)
        await self._delegations.forget(old)


class DelegationDeletion(UserDeletionStep):
    name = "DelegationUserDeletionTaskStep"
    priority = 3

    def __init__(self, delegations: DelegationStore) -> None:
        self._delegations = delegations

    async def delete(self, user: Username) -> None:
        await self._delegations.forget(user)
