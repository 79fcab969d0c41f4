"""`queue.properties`: how queues are kept."""

from dataclasses import dataclass, replace
from typing import Annotated, Self

from compostela.base.declarations import Duration, Integer, Text
from compostela.base.declared import Declared, Reader
from compostela.base.settings import Settings


@dataclass(frozen=True, slots=True)
class QueueSettings(Declared):
    """How queues are kept by the nodes of a cluster."""

    poll_seconds: Annotated[float, Duration("mail.queue.poll.interval", minimum=0.01)] = 1.0
    """How often delayed entries are looked at: an entry comes so much late at most."""
    beat_seconds: Annotated[float, Duration("mail.queue.heartbeat", minimum=0.1)] = 3.0
    """How often a node says that it is alive."""
    dead_after_seconds: Annotated[float, Duration("mail.queue.dead.after", minimum=1.0)] = 15.0
    """A node that said nothing for this long is dead: what it had in work goes to others. The default is three times
    `mail.queue.heartbeat`, if that is more."""
    sweep_seconds: Annotated[float, Duration("mail.queue.sweep.interval", minimum=1.0)] = 60.0
    """How often lost entries are looked for."""
    lost_after_seconds: Annotated[float, Duration("mail.queue.lost.after", minimum=1.0)] = 600.0
    """An entry that has been ready for so long, while the broker has nothing to hand out, was lost by the broker."""
    lend_seconds: Annotated[float, Duration("mail.queue.lend.after")] = 2.0
    """An entry that has been at hand for so long in a busy process goes to another."""
    prefetch: Annotated[int, Integer("mail.queue.prefetch", minimum=1, maximum=10_000)] = 40
    """Entries that a process has at hand: its workers and some more."""
    choice: Annotated[str, Text("mail.queue.choice")] = "RABBITMQ"
    """`RABBITMQ`, and nothing else."""

    def completed(self, settings: Settings) -> Self:
        if self.choice.upper() != "RABBITMQ":
            settings.error(f"queues are kept with RabbitMQ only, not with {self.choice!r}", "mail.queue.choice")
        dead_after = self.dead_after_seconds
        if not settings.has("mail.queue.dead.after"):
            dead_after = max(dead_after, 3 * self.beat_seconds)
        if dead_after < 2 * self.beat_seconds:
            settings.error("must be at least twice mail.queue.heartbeat", "mail.queue.dead.after")
        return replace(self, dead_after_seconds=dead_after)


read_queue_settings = Reader(QueueSettings)
