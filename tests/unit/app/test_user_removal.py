"""Of a user who is removed with all data the database keeps no trace, on a full disk too."""

import uuid
from pathlib import Path

import pytest

from compostela.app.server.tasks import deletion_steps
from compostela.core.drop_lists.model import Denied, DropList, Scope
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.sieve.model import ScriptName, StoredScript
from compostela.core.tasks.model import TaskState
from compostela.core.tasks.runner import TaskContext
from compostela.core.users import tasks as users_tasks
from compostela.core.users.tasks import DeleteUserData, DeleteUserDataTask
from compostela.core.vacation.model import Vacation
from compostela.model.flags import NO_FLAGS
from compostela.model.mail_address import MailAddress
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import EntryId
from compostela.model.username import Username
from compostela.testing.clock import START
from compostela.testing.server import ANN, Server, running
from tests.contracts.mailbox_parts import fill

LOGS = {"tree", "tree_log"}
"""They tell that the mailboxes are gone."""
DOMAINS = "<domainlist><defaultDomain>example.org</defaultDomain><domainnames><domainname>example.net</domainname></domainnames></domainlist>"
NO_HOSTING = "<usersrepository><enableVirtualHosting>false</enableVirtualHosting><algorithm>SHA-512/salted</algorithm></usersrepository>"
SENDER = MailAddress.parse("carl@b.example")


@pytest.fixture(autouse=True)
def no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """No client is logged in."""
    monkeypatch.setattr(users_tasks, "SETTLE_SECONDS", 0.0)


async def furnish(server: Server, user: Username, address: str) -> None:
    """Something of the user in every table that has something of users."""
    store, services = server.store, server.under_test.services
    mailbox = await services.mailboxes.system.create(MailboxPath.personal(user, "Work"))
    await fill(store.mailboxes, mailbox.id, NO_FLAGS)
    await services.mailboxes.system.provision(user)
    await store.vacations.set(user, Vacation(True))
    assert await store.vacations.claim(user, SENDER, EntryId("1"), START, START + 60)
    await store.sieve_scripts.put(user, StoredScript(ScriptName("one"), b"keep;", b"tree"), activate=True)
    await store.sieve_scripts.set_quota(user, 1000)
    await store.sieve_marks.mark(user, b"key", "run", START, START + 60)
    await store.sieve_lists.put(user, "friends", ["carl@b.example"])
    await store.drop_lists.add(DropList.of(Scope.USER, address), Denied.parse("b.example"))
    for base, delegate in ((user, ANN), (ANN, user)):
        await store.delegations.allow(base, delegate)
    own, other = MailAddress.parse(address), MailAddress.parse("info@example.org")
    await store.rewriting.add(MappingSource.of_address(own), Mapping(MappingType.FORWARD, "away@b.example"))
    await store.rewriting.add(MappingSource.of_address(other), Mapping(MappingType.ALIAS, address))


def tables_with(server: Server, name: str) -> set[str]:
    execute = server.embedded._reader.execute
    tables = [row[0] for row in execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()]
    return {
        table
        for table in tables
        for row in execute(f"SELECT * FROM {table}").fetchall()
        if any(isinstance(value, str) and name in value for value in row)
    } - LOGS


@pytest.mark.parametrize("hosting", [True, False])
@pytest.mark.parametrize("full", [False, True])
async def test_no_trace_of_a_removed_user_is_left(tmp_path: Path, hosting: bool, full: bool) -> None:
    user = Username.parse("zoe@example.org" if hosting else "zoe")
    files = {"domainlist.xml": DOMAINS, **({} if hosting else {"usersrepository.xml": NO_HOSTING})}
    users = {user.value: "secret", str(ANN) if hosting else "ann": "secret"}
    async with running(tmp_path, files=files, users=users) as server:
        await furnish(server, user, "zoe@example.org" if hosting else "zoe@example.net")
        assert len(tables_with(server, "zoe")) >= 12
        steps = deletion_steps(server.store, server.under_test.services)
        task = DeleteUserDataTask(server.under_test.services.users, steps)

        async def save(_: TaskState) -> None:
            return

        server.embedded._reserve.is_used = full
        context = TaskContext(uuid.uuid4(), TaskState(None, {}, START), lambda: START, save)
        await task.run(DeleteUserData(user.value, remove_user=True), context)
        server.embedded._reserve.is_used = False
        assert tables_with(server, "zoe") == set()
