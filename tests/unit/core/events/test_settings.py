"""`listeners.xml`."""

from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.app.configuration.files import Reader
from compostela.base.settings import Problems, Settings
from compostela.core.events.listeners import NamedListener
from compostela.core.events.operation_log import MailboxOperationLoggingListener
from compostela.core.events.settings import GENERIC_GROUP, ListenersSettings, build_listeners, read_listeners_settings
from compostela.core.events.usage_listener import UsageListener
from compostela.model.flags import NO_FLAGS
from compostela.testing.listeners import context_of, following, no_settings, settled
from tests.contracts.mailbox_parts import BOB, CAROL, a_mailbox, fill, path


def read(text: str, store: EmbeddedStore) -> tuple[ListenersSettings, list[NamedListener], list[str]]:
    problems = Problems()
    node = Reader(problems).parse("listeners.xml", f"<listeners>{text}</listeners>".encode())
    assert node is not None
    settings = read_listeners_settings(Settings(node, problems))
    listeners = build_listeners(settings, context_of(store))
    return settings, listeners, [f"{found.severity.value}: {found.message}" for found in problems.found]


def listener(name: str, more: str = "") -> str:
    return f"<listener><class>{name}</class>{more}</listener>"


async def test_defaults(store: EmbeddedStore) -> None:
    settings, listeners, problems = read("", store)
    assert (settings.execute, settings.max_concurrency, settings.timeout_seconds) == (True, 10, 120.0)
    assert (settings.held_seconds, settings.held_bytes) == (7 * 86400, 1024**3)
    assert (listeners, problems) == ([], [])


async def test_everything_is_read(store: EmbeddedStore) -> None:
    text = "<maxConcurrency>3</maxConcurrency><executionTimeout>2 minutes</executionTimeout><keptForGroups>2</keptForGroups>"
    text += "<keptForGroupsSize>5 MB</keptForGroupsSize>"
    james = listener("org.apache.james.mailbox.cassandra.MailboxOperationLoggingListener", "<async>true</async>")
    again = listener("UsageListener", "<group>second</group>")
    settings, listeners, problems = read(text + james + listener("UsageListener") + again, store)
    assert (settings.max_concurrency, settings.timeout_seconds, settings.held_seconds) == (3, 120.0, 2 * 86400)
    assert settings.held_bytes == 5 * 1024**2
    assert [(one.group, type(one.listener)) for one in listeners] == [
        ("compostela.core.events.operation_log.MailboxOperationLoggingListener", MailboxOperationLoggingListener),
        ("compostela.core.events.usage_listener.UsageListener", UsageListener),
        (GENERIC_GROUP + "second", UsageListener),
    ]
    assert problems == []


async def test_own_listeners_by_dotted_path_and_entry_point(
    store: EmbeddedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "busy-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: busy\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[compostela.listeners]\nBusy = examples.listeners:BusyMailboxes\n")
    monkeypatch.syspath_prepend(tmp_path)
    configured = "<configuration><changes>5</changes></configuration>"
    text = listener("examples.listeners.DeletedDigests") + listener("Busy", configured)
    _, listeners, problems = read(text, store)
    assert [one.group for one in listeners] == ["examples.listeners.DeletedDigests", "examples.listeners.BusyMailboxes"]
    assert problems == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (listener("org.apache.james.SpamAssassinListener"), "not yet in effect: the listener 'SpamAssassinListener' is not yet in effect"),
        (listener("UsageListner"), "error: there is no listener 'UsageListner'; did you mean 'UsageListener'?"),
        (listener("examples.hooks.OfficeHours"), "error: 'examples.hooks.OfficeHours' is no class of MailboxListener"),
        (listener("UsageListener") * 2, "error: two listeners have the group 'compostela.core.events.usage_listener.UsageListener'; give one of them a <group> of its own"),
        (listener("UsageListener", "<configuration><x>1</x></configuration>"), "error: unknown 'x' in <configuration>"),
        (listener("UsageListener", "<async>false</async>"), "without effect: 'async' has no effect here: listeners read the logs"),
        ("<listener/>", "error: <listener> needs 'class'"),
        ("<maxConcurrency>0</maxConcurrency>", "error: maxConcurrency: must be at least 1, but is 0"),
        ("<executeGroupListeners>false</executeGroupListeners>" + listener("UsageListener"), "error: executeGroupListeners is false: remove the listener, or leave the switch out"),
        ("<preDeletionHooks/>", "not yet in effect: 'preDeletionHooks' is not yet in effect"),
        ("<surprise/>", "error: unknown 'surprise' in <listeners>"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told(store: EmbeddedStore, text: str, complaint: str) -> None:
    assert read(text, store)[2] == [complaint]


@pytest.mark.slow
async def test_usage_follows_what_users_do(store: EmbeddedStore) -> None:
    mailboxes = store.mailboxes
    old = await a_mailbox(mailboxes, "old")
    await fill(mailboxes, old, NO_FLAGS)
    async with following(store, UsageListener(no_settings(), context_of(store))):
        new = await a_mailbox(mailboxes, "new")
        await fill(mailboxes, new, NO_FLAGS, NO_FLAGS)
        await settled(store)
        assert (await store.usage.of_user(BOB)).messages == 3
        await mailboxes.rename([(old, path("given", CAROL))])
        await mailboxes.delete(new)
        await settled(store)
    assert (await store.usage.of_user(BOB)).messages == 0
    assert (await store.usage.of_user(CAROL)).messages == 1


async def test_operations_are_logged(store: EmbeddedStore, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        async with following(store, MailboxOperationLoggingListener(no_settings(), context_of(store))):
            mailbox = await a_mailbox(store.mailboxes, "Work")
            await store.mailboxes.rename([(mailbox, path("Play"))])
            await store.mailboxes.delete(mailbox)
            await settled(store)
    told = [record for record in caplog.records if record.message.startswith("mailbox ")]
    assert [record.message for record in told] == ["mailbox created", "mailbox renamed", "mailbox deleted"]
    assert (vars(told[1])["previousPath"], vars(told[1])["mailboxPath"]) == ("Work", "Play")
