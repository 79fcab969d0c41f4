"""A user is renamed or deleted with all data, wherever the task is cut off."""

import uuid
from typing import Any

import pytest

from compostela.base.clock import SystemClock
from compostela.base.errors import InvalidArgument, TemporaryFailure
from compostela.core.authentication.user_data import DelegationChange, DelegationDeletion
from compostela.core.mailbox.service import MailboxService
from compostela.core.mailbox.session import MailboxSession
from compostela.core.mailbox.user_data import MailboxChange, MailboxDeletion
from compostela.core.rewriting.model import MappingType
from compostela.core.rewriting.user_data import ForwardChange, MappingDeletion
from compostela.core.sieve.model import ScriptName, StoredScript
from compostela.core.sieve.user_data import SieveChange, SieveDeletion
from compostela.core.tasks.model import Json, TaskState
from compostela.core.tasks.runner import TaskContext, TaskRunner
from compostela.core.users import tasks as users_tasks
from compostela.core.users.data_steps import StepFailed, UserDeletionStep, UsernameChangeStep
from compostela.core.users.tasks import (
    ChangeUsername,
    ChangeUsernameTask,
    DeleteDomainData,
    DeleteDomainDataTask,
    DeleteUserData,
    DeleteUserDataTask,
)
from compostela.core.vacation.model import NO_VACATION, Vacation
from compostela.core.vacation.user_data import VacationChange, VacationDeletion
from compostela.model.flags import NO_FLAGS
from compostela.model.mail_address import MailAddress
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import EntryId
from compostela.model.username import Username
from compostela.testing.clock import START
from tests.contracts.mailbox_parts import fill
from tests.unit.core.accounts import Accounts

SCRIPT = StoredScript(ScriptName("one"), b"keep;", b"tree")
SENDER = MailAddress.parse("carl@b.example")
OLD, NEW, ANN = (Username.parse(f"{name}@example.org") for name in ("old", "new", "ann"))


@pytest.fixture(autouse=True)
def no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """No client is logged in."""
    monkeypatch.setattr(users_tasks, "SETTLE_SECONDS", 0.0)


class Cut(Exception):
    """The process dies here."""


async def run(runner: TaskRunner[Any], arguments: object, cut: int = 1000) -> Json:
    """Runs a task to its end. Its first run is cut off at its save of this number: before it, and after it."""
    state = TaskState(None, await runner.describe(arguments), START)
    saves = 0

    async def save(new: TaskState) -> None:
        nonlocal saves, state
        saves += 1
        if saves == cut:
            raise Cut
        state = new
        if saves == cut + 1:
            raise Cut

    for _ in range(3):
        context = TaskContext(uuid.uuid4(), state, lambda: START, save)
        try:
            await runner.run(arguments, context)
        except Cut:
            continue
        return context.state.information
    raise AssertionError


@pytest.fixture
def session(accounts: Accounts) -> MailboxSession:
    return MailboxService(accounts.store.mailboxes, SystemClock()).system


async def _furnish(accounts: Accounts, session: MailboxSession) -> None:
    for user in (OLD, NEW, ANN):
        await accounts.user(user.value)
    for user, names in ((OLD, ("INBOX", "Work", "Work.Deep")), (NEW, ("INBOX",)), (ANN, ("INBOX",))):
        for name in names:
            mailbox = await session.create(MailboxPath.personal(user, name))
            await fill(accounts.store.mailboxes, mailbox.id, NO_FLAGS)
    for name in ("Work", "Gone"):
        await session.subscribe(MailboxPath.personal(OLD, name))
    await accounts.map("old@example.org", MappingType.FORWARD, "old@example.org")
    await accounts.map("old@example.org", MappingType.FORWARD, "away@elsewhere.example")
    await accounts.map("info@example.org", MappingType.ALIAS, "old@example.org")
    await accounts.map("all@example.org", MappingType.GROUP, "old@example.org")
    await accounts.map("all@example.org", MappingType.GROUP, "ann@example.org")
    await accounts.store.delegations.allow(OLD, ANN)
    await accounts.store.delegations.allow(ANN, OLD)
    for user in (OLD, ANN):
        await accounts.store.sieve_scripts.put(user, SCRIPT, activate=True)
        await accounts.store.sieve_marks.mark(user, b"key", "run", START, START + 60)
        await accounts.store.vacations.set(user, Vacation(True))
        assert await accounts.store.vacations.claim(user, SENDER, EntryId("1"), START, START + 60)


async def _personal(accounts: Accounts, user: Username) -> list[bool]:
    """Whether there is a script, a mark of it, a vacation, and a sender who was answered."""
    store = accounts.store
    return [
        await store.sieve_scripts.active(user) is not None,
        await store.sieve_marks.is_marked(user, b"key", "other", START),
        await store.vacations.get(user) != NO_VACATION,
        not await store.vacations.claim(user, SENDER, EntryId("2"), START, START + 60),
    ]


async def _mailboxes(session: MailboxSession, user: Username) -> dict[str, int]:
    found = await session.list(user)
    return {one.path.name: (await session.status(one)).messages for one in found}


def change(accounts: Accounts, session: MailboxSession) -> ChangeUsernameTask:
    delegations = accounts.store.delegations
    return ChangeUsernameTask([
        MailboxChange(session), DelegationChange(delegations), ForwardChange(accounts.users, accounts.rewriting),
        SieveChange(accounts.store.sieve_scripts), VacationChange(accounts.store.vacations),
    ])  # fmt: skip


def deletions(accounts: Accounts, session: MailboxSession) -> list[UserDeletionStep]:
    return [
        MappingDeletion(accounts.rewriting),
        DelegationDeletion(accounts.store.delegations),
        MailboxDeletion(session),
        SieveDeletion(accounts.store.sieve_scripts),
        VacationDeletion(accounts.store.vacations),
    ]


@pytest.mark.parametrize("cut", [*range(1, 12), 1000])
async def test_a_renamed_user_has_all_that_was_the_old_ones(
    accounts: Accounts, session: MailboxSession, cut: int
) -> None:
    await _furnish(accounts, session)
    about = await run(change(accounts, session), ChangeUsername(OLD.value, NEW.value), cut)
    steps = (
        "ForwardUsernameChangeTaskStep", "DelegationUsernameChangeTaskStep", "MailboxUsernameChangeTaskStep",
        "VacationUsernameChangeTaskStep", "SieveUsernameChangeTaskStep",
    )  # fmt: skip
    assert [await _personal(accounts, user) for user in (OLD, NEW)] == [[False] * 4, [True] * 4]
    assert about == {
        "oldUser": OLD.value,
        "newUser": NEW.value,
        "status": dict.fromkeys(steps, "DONE"),
        "fromStep": None,
    }
    assert list(about["status"]) == list(steps)  # type: ignore[call-overload]
    assert await _mailboxes(session, NEW) == {"INBOX": 2, "Work": 1, "Work.Deep": 1}
    assert await _mailboxes(session, OLD) == {}
    assert (await session.subscriptions(NEW), await session.subscriptions(OLD)) == (["Gone", "Work"], [])
    delegations = accounts.store.delegations
    assert (await delegations.delegates(NEW), await delegations.bases(NEW)) == ([ANN], [ANN])
    assert (await delegations.delegates(OLD), await delegations.bases(OLD)) == ([], [])
    copies = {"new@example.org", "away@elsewhere.example"}
    assert set().union(*await accounts.resolved("old@example.org")) == copies
    assert set().union(*await accounts.resolved("info@example.org")) == copies


@pytest.mark.parametrize("cut", [*range(1, 14), 1000])
async def test_nothing_is_left_of_a_deleted_user_and_all_of_the_others(
    accounts: Accounts, session: MailboxSession, cut: int
) -> None:
    await _furnish(accounts, session)
    task = DeleteUserDataTask(accounts.users, deletions(accounts, session))
    about = await run(task, DeleteUserData(OLD.value, remove_user=True), cut)
    assert about["status"] == dict.fromkeys(
        (
            "AccountRemovalStep", "RecipientRewriteTableUserDeletionTaskStep", "DelegationUserDeletionTaskStep",
            "MailboxUserDeletionTaskStep", "VacationUserDeletionTaskStep", "SieveUserDeletionTaskStep",
        ),
        "DONE",
    )  # fmt: skip
    assert not await accounts.users.contains(OLD)
    assert await _mailboxes(session, OLD) == {}
    assert await session.subscriptions(OLD) == []
    delegations = accounts.store.delegations
    assert (await delegations.delegates(OLD), await delegations.bases(OLD)) == ([], [])
    assert await accounts.resolved("all@example.org") == ({"ann@example.org"}, set())
    assert "info" not in str([batch async for batch in accounts.rewriting.all()])
    # a new user of the name sees nothing
    await accounts.user(OLD.value)
    assert [await _personal(accounts, user) for user in (OLD, ANN)] == [[False] * 4, [True] * 4]
    await session.provision(OLD)
    assert set((await _mailboxes(session, OLD)).values()) == {0}
    assert await _mailboxes(session, ANN) == {"INBOX": 1}


class Failing(UserDeletionStep):
    name = "FailingStep"
    priority = 2

    def __init__(self, only: Username | None = None) -> None:
        self._only = only

    async def delete(self, user: Username) -> None:
        if self._only in (None, user):
            raise TemporaryFailure("no")


class Noted(UsernameChangeStep):
    def __init__(self, name: str, priority: int, done: list[str]) -> None:
        self.name = name  # type: ignore[misc]
        self.priority = priority  # type: ignore[misc]
        self._done = done

    async def change(self, old: Username, new: Username) -> None:
        self._done.append(self.name)


async def test_a_step_that_fails_aborts_the_later_ones(accounts: Accounts, session: MailboxSession) -> None:
    await _furnish(accounts, session)
    task = DeleteUserDataTask(accounts.users, [*deletions(accounts, session), Failing()])
    context = TaskContext(uuid.uuid4(), TaskState(None, {}, START), lambda: START, _saved)
    with pytest.raises(StepFailed, match="FailingStep: no"):
        await task.run(DeleteUserData(OLD.value), context)
    assert context.state.information["status"] == {
        "RecipientRewriteTableUserDeletionTaskStep": "DONE", "FailingStep": "FAILED",
        "DelegationUserDeletionTaskStep": "ABORTED", "MailboxUserDeletionTaskStep": "ABORTED",
        "VacationUserDeletionTaskStep": "ABORTED", "SieveUserDeletionTaskStep": "ABORTED",
    }  # fmt: skip
    assert len(await _mailboxes(session, OLD)) == 3


async def _saved(_: TaskState) -> None:
    return


async def test_it_goes_on_from_a_step() -> None:
    done: list[str] = []
    task = ChangeUsernameTask([Noted(name, number, done) for number, name in enumerate("abc")])
    about = await run(task, ChangeUsername(OLD.value, NEW.value, "b"))
    assert (done, about["status"]) == (["b", "c"], {"a": "SKIPPED", "b": "DONE", "c": "DONE"})
    with pytest.raises(InvalidArgument, match="there is no step 'd'; there are a, b, c"):
        await task.describe(ChangeUsername(OLD.value, NEW.value, "d"))


async def test_all_users_of_a_domain(accounts: Accounts, session: MailboxSession) -> None:
    await _furnish(accounts, session)
    await accounts.user("carol@example.net")
    await session.inbox(Username.parse("carol@example.net"))
    task = DeleteDomainDataTask(accounts.users, [*deletions(accounts, session), Failing(ANN)])
    context = TaskContext(uuid.uuid4(), TaskState(None, {}, START), lambda: START, _saved)
    with pytest.raises(StepFailed):
        await task.run(DeleteDomainData("example.org"), context)
    assert context.state.information == {
        "domain": "example.org", "successfulUsersCount": 2, "failedUsersCount": 1, "failedUsers": [ANN.value],
    }  # fmt: skip
    assert [await _mailboxes(session, user) for user in (OLD, NEW)] == [{}, {}]
    assert await _mailboxes(session, Username.parse("carol@example.net")) == {"INBOX": 0}
    assert await accounts.users.contains(OLD)
