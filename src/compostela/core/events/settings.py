"""`listeners.xml`: which listeners follow the mailboxes, and how."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Self, cast

from compostela.base.declarations import Boolean, Duration, Integer, Size, Text
from compostela.base.declared import Declared, Each, Reader, Taken
from compostela.base.errors import InvalidArgument
from compostela.base.extensions import load_extension
from compostela.base.settings import Node, Settings
from compostela.core.events.listener import ListenerContext, ListenerFactory, MailboxListener
from compostela.core.events.listeners import DEFAULT_MAX_CONCURRENCY, DEFAULT_TIMEOUT_SECONDS, NamedListener
from compostela.core.events.operation_log import MailboxOperationLoggingListener
from compostela.core.events.usage_listener import UsageListener

ENTRY_POINTS = "compostela.listeners"
GENERIC_GROUP = "org.apache.james.mailbox.events.GenericGroup-"
"""Before the name that `<group>` gives, as James calls such groups."""
DEFAULT_HELD_SECONDS = 7 * 86400.0
DEFAULT_HELD_BYTES = 1024**3
MAX_CONCURRENCY = 1000
MIN_TIMEOUT_SECONDS = 0.001
_JAMES = "org.apache.james."
LISTENERS: Mapping[str, ListenerFactory] = {
    listener.__name__: listener for listener in (MailboxOperationLoggingListener, UsageListener)
}
"""The packaged listeners by their names."""
LISTENERS_NOT_YET = frozenset({
    "MailboxAnnotationListener", "MailboxSubscriptionListener", "ListeningCurrentQuotaUpdater", "ListeningMessageSearchIndex",
    "OpenSearchListeningMessageSearchIndex", "LuceneMessageSearchIndex", "OpenSearchQuotaMailboxListener",
    "ElasticSearchQuotaMailboxListener", "DeleteMessageListener", "DeletedMessageVaultDeletionListener",
    "MessageFastViewProjectionDeletionListener", "ComputeMessageFastViewProjectionListener", "MailboxChangeListener",
    "PropagateLookupRightListener", "PushListener", "PopulateEmailQueryViewListener", "PopulateMetadataStoreListener",
    "QuotaThresholdCrossingListener", "SpamAssassinListener", "RspamdListener",
})  # fmt: skip
"""James's listeners that do not exist here yet."""


@dataclass(frozen=True, slots=True)
class ListenerElement:
    """The element `listener`."""

    name: Annotated[str, Text("class")]
    """A packaged listener or one of your own, see the operators' page on listeners."""
    settings: Annotated[Settings, Taken(lambda settings: settings)]
    """The element, for its place and for what is inside `configuration`."""
    group: Annotated[str, Text("group")] = ""
    """Name of its listener group, so that a class can be configured several times."""
    is_async: Annotated[bool, Boolean("async")] = True
    """`false` has no effect: listeners never run in a mail's way."""


@dataclass(frozen=True, slots=True)
class ListenersSettings(Declared):
    """How listeners are run."""

    NOT_YET = ("preDeletionHooks",)

    execute: Annotated[bool, Boolean("executeGroupListeners")] = True
    """Whether this process runs listener groups at all."""
    max_concurrency: Annotated[int, Integer("maxConcurrency", minimum=1, maximum=MAX_CONCURRENCY)] = (
        DEFAULT_MAX_CONCURRENCY
    )
    """Calls of one group that run at once."""
    timeout_seconds: Annotated[float, Duration("executionTimeout", minimum=MIN_TIMEOUT_SECONDS)] = (
        DEFAULT_TIMEOUT_SECONDS
    )
    """After so long a call is cut off and counts as failed."""
    held_seconds: Annotated[float, Duration("keptForGroups", unit="d")] = DEFAULT_HELD_SECONDS
    """How much longer than usual logs, deleted mailboxes and expunged messages are kept for a slow group."""
    held_bytes: Annotated[int, Size("keptForGroupsSize")] = DEFAULT_HELD_BYTES
    """How much of them is kept for slow groups at most: so many octets of logs, and as many of deleted mailboxes and expunged messages.
    Beyond it the oldest messages and the longest logs go."""
    listeners: Annotated[tuple[ListenerElement, ...], Each("listener", finish=False)] = ()

    def completed(self, settings: Settings) -> Self:
        for element in self.listeners if not self.execute else ():
            element.settings.error("executeGroupListeners is false: remove the listener, or leave the switch out")
        if settings.has("preDeletionHook"):
            place, outside = settings.place_of("preDeletionHook"), "<preDeletionHook> is outside <preDeletionHooks>"
            settings.problems.warning(place, f"{outside}: the hook is not called")
            settings.ignored("preDeletionHook")
        return self


read_listeners_settings = Reader(ListenersSettings)
"""Reads the whole file but for the listeners themselves: see `build_listeners`."""


def build_listeners(settings: ListenersSettings, context: ListenerContext) -> list[NamedListener]:
    """Make the configured listeners. Complaints go to their settings' problems."""
    found: dict[str, NamedListener] = {}
    for element in settings.listeners:
        named = _listener(element, context)
        if named is None:
            continue
        if named.group in found:
            element.settings.error(
                f"two listeners have the group {named.group!r}; give one of them a <group> of its own"
            )
            continue
        found[named.group] = named
    return list(found.values())


def _listener(configured: ListenerElement, context: ListenerContext) -> NamedListener | None:
    name, group, element = configured.name, configured.group, configured.settings
    if not configured.is_async:
        element.problems.no_effect(element.place_of("async"), "'async' has no effect here: listeners read the logs")
    section = element.section("configuration")
    configuration = section or Settings(Node("configuration", element.place), element.problems)
    short = name.rpartition(".")[2] if name.startswith(_JAMES) else name
    if short in LISTENERS_NOT_YET:
        element.problems.not_yet(element.place, f"the listener {short!r} is not yet in effect")
        return None
    factory = LISTENERS.get(short) or _own(element, name)
    listener = None
    if factory is not None:
        try:
            listener = factory(configuration, context)
        except InvalidArgument as wrong:
            element.error(str(wrong))
    element.finish()
    if listener is None:
        return None
    kind = type(listener)
    return NamedListener(GENERIC_GROUP + group if group else f"{kind.__module__}.{kind.__qualname__}", listener)


def _own(element: Settings, name: str) -> ListenerFactory | None:
    """None after a complaint."""
    if not name:
        return None
    known = [*LISTENERS, *LISTENERS_NOT_YET]
    return cast(
        "ListenerFactory | None", load_extension(element, "listener", MailboxListener, name, ENTRY_POINTS, known)
    )
