"""Tasks on users: rename one, delete the data of one or of all of a domain."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from compostela.core.tasks.model import Json
from compostela.core.tasks.runner import TaskContext, TaskRunner
from compostela.core.users.data_steps import (
    StepFailed,
    StepStates,
    UserDeletionStep,
    UsernameChangeStep,
    check_from_step,
    in_order,
)
from compostela.core.users.service import UsersRepository
from compostela.model.domain import Domain
from compostela.model.username import Username

_log = logging.getLogger(__name__)

SETTLE_SECONDS = 2.5
"""After the removal of an account. Until then every process has ended the sessions of the account, which look for it every
second, and deliveries that had found it have ended: what they leave is deleted with the rest."""
MAX_NAMED_USERS = 100
"""Users whose failure is told by name."""


class _Done(msgspec.Struct):
    """Progress: steps that are done."""

    done: list[str] = []


@dataclass(frozen=True, slots=True)
class DeleteUserData:
    username: str
    from_step: str | None = None
    remove_user: bool = False
    """Remove the account as well, before its data: no mail comes in from then on."""


class DeleteUserDataTask(TaskRunner[DeleteUserData]):
    name = "DeleteUserDataTask"
    arguments = DeleteUserData

    def __init__(self, users: UsersRepository, steps: Sequence[UserDeletionStep]) -> None:
        self._account = AccountRemovalStep(users)
        self._steps = in_order(steps)

    async def describe(self, arguments: DeleteUserData) -> Json:
        steps = self._steps_of(arguments)
        check_from_step(steps, arguments.from_step)
        return _about_deletion(arguments, StepStates(steps, arguments.from_step))

    async def run(self, arguments: DeleteUserData, context: TaskContext) -> None:
        steps, user = self._steps_of(arguments), Username.parse(arguments.username)
        states = StepStates(steps, arguments.from_step, _done_before(context))

        async def report() -> None:
            await context.save(_about_deletion(arguments, states), {"done": states.done})

        await states.run(steps, lambda step: step.delete(user), report)

    def _steps_of(self, arguments: DeleteUserData) -> list[UserDeletionStep]:
        return [self._account, *self._steps] if arguments.remove_user else self._steps


class AccountRemovalStep(UserDeletionStep):
    """Our own: the account itself."""

    name = "AccountRemovalStep"
    priority = 0

    def __init__(self, users: UsersRepository) -> None:
        self._users = users

    async def delete(self, user: Username) -> None:
        await self._users.remove(user)
        # also if it was gone: an earlier run may have died here
        await asyncio.sleep(SETTLE_SECONDS)


@dataclass(frozen=True, slots=True)
class ChangeUsername:
    old: str
    new: str
    from_step: str | None = None


class ChangeUsernameTask(TaskRunner[ChangeUsername]):
    name = "UsernameChangeTask"
    arguments = ChangeUsername

    def __init__(self, steps: Sequence[UsernameChangeStep]) -> None:
        self._steps = in_order(steps)

    async def describe(self, arguments: ChangeUsername) -> Json:
        check_from_step(self._steps, arguments.from_step)
        return _about_change(arguments, StepStates(self._steps, arguments.from_step))

    async def run(self, arguments: ChangeUsername, context: TaskContext) -> None:
        old, new = Username.parse(arguments.old), Username.parse(arguments.new)
        states = StepStates(self._steps, arguments.from_step, _done_before(context))

        async def report() -> None:
            await context.save(_about_change(arguments, states), {"done": states.done})

        await states.run(self._steps, lambda step: step.change(old, new), report)


@dataclass(frozen=True, slots=True)
class DeleteDomainData:
    domain: str


class _DomainProgress(msgspec.Struct):
    after: str = ""
    """The last user that was done, in the order of names."""
    succeeded: int = 0
    failed: int = 0
    named: list[str] = []


class DeleteDomainDataTask(TaskRunner[DeleteDomainData]):
    """Deletes the data of all users of a domain. The accounts stay; a user whose data cannot be deleted stops no other."""

    name = "DeleteUsersDataOfDomainTask"
    arguments = DeleteDomainData

    def __init__(self, users: UsersRepository, steps: Sequence[UserDeletionStep]) -> None:
        self._users = users
        self._steps = in_order(steps)

    async def describe(self, arguments: DeleteDomainData) -> Json:
        return _about_domain(arguments, _DomainProgress())

    async def run(self, arguments: DeleteDomainData, context: TaskContext) -> None:
        progress = msgspec.convert(context.progress or {}, _DomainProgress)
        async for user in self._users.names(Domain.parse(arguments.domain)):
            if user.value <= progress.after:
                continue
            if await self._delete(user):
                progress.succeeded += 1
            else:
                progress.failed += 1
                progress.named = [*progress.named, user.value][:MAX_NAMED_USERS]
            progress.after = user.value
            await context.report(_about_domain(arguments, progress), msgspec.to_builtins(progress))
        if progress.failed:
            raise StepFailed(f"the data of {progress.failed} users could not be deleted")

    async def _delete(self, user: Username) -> bool:
        async def silent() -> None:
            return

        try:
            await StepStates(self._steps, None).run(self._steps, lambda step: step.delete(user), silent)
        except StepFailed as failure:
            _log.warning("the data of a user could not be deleted: %s", failure, extra={"user": str(user)})
            return False
        return True


def _done_before(context: TaskContext) -> list[str]:
    return msgspec.convert(context.progress or {}, _Done).done


def _about_deletion(arguments: DeleteUserData, states: StepStates) -> Json:
    return {"username": arguments.username, "status": states.document(), "fromStep": arguments.from_step}


def _about_change(arguments: ChangeUsername, states: StepStates) -> Json:
    return {
        "oldUser": arguments.old,
        "newUser": arguments.new,
        "status": states.document(),
        "fromStep": arguments.from_step,
    }


def _about_domain(arguments: DeleteDomainData, progress: _DomainProgress) -> Json:
    return {
        "domain": arguments.domain,
        "successfulUsersCount": progress.succeeded,
        "failedUsersCount": progress.failed,
        "failedUsers": progress.named,
    }
