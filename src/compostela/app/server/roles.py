"""What this process does, by James's own switches: there is no file and no option for it.

| role | switch |
|---|---|
| a protocol | `enabled` of its servers |
| processing of mail | `<spooler><threads>` of mailetcontainer.xml, 0 for none |
| sending of mail | a RemoteDelivery mailet in mailetcontainer.xml |
| listener groups | `<executeGroupListeners>` of listeners.xml |
| tasks | `task.consumption.enabled` of rabbitmq.properties |
"""

from collections.abc import Iterable
from dataclasses import dataclass

from compostela.app.configuration.folder import Configuration
from compostela.core.queue.model import SPOOL
from compostela.processing.mailet import Mailet


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of one process."""

    feeds: frozenset[str]
    """Queues that its servers put mails into."""
    consumes: frozenset[str]
    """Queues that it takes mails from."""
    group_listeners: bool
    tasks: bool

    def fields(self) -> dict[str, object]:
        """For the log."""
        queues = " ".join(sorted(self.consumes)) or "none"
        return {"queues": queues, "group_listeners": self.group_listeners, "tasks": self.tasks}


def roles_of(configuration: Configuration, mailets: Iterable[Mailet]) -> Roles:
    """`mailets` are those of the container."""
    spool = frozenset({SPOOL})
    outgoing = frozenset(name for mailet in mailets for name in mailet.consumes)
    return Roles(
        feeds=spool if configuration.smtp or configuration.lmtp else frozenset(),
        consumes=outgoing | spool if configuration.spooler.workers else outgoing,
        group_listeners=configuration.listeners.execute,
        tasks=configuration.tasks.consumption_enabled,
    )
