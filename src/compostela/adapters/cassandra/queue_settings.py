"""`queue.properties`, and what of `rabbitmq.properties` concerns the truth of queues."""

from dataclasses import dataclass

from compostela.base.settings import Settings


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """How queues are kept by the nodes of a cluster."""

    poll_seconds: float = 1.0
    """How often delayed entries are looked at: an entry comes so much late at most."""
    beat_seconds: float = 3.0
    """How often a node says that it is alive."""
    dead_after_seconds: float = 15.0
    """A node that said nothing for this long is dead: what it had in work goes to others."""
    sweep_seconds: float = 60.0
    """How often lost entries are looked for."""
    lost_after_seconds: float = 600.0
    """An entry that has been ready for so long, while the broker has nothing to hand out, was lost by the broker."""
    lend_seconds: float = 2.0
    """An entry that has been at hand for so long in a busy process goes to another."""
    prefetch: int = 40
    """Entries that a process has at hand: its workers and some more."""


def read_queue_settings(settings: Settings) -> QueueSettings:
    """Reads the whole file `queue.properties`."""
    choice = settings.text("mail.queue.choice", "RABBITMQ")
    if choice.upper() != "RABBITMQ":
        settings.error(f"queues are kept with RabbitMQ only, not with {choice!r}", "mail.queue.choice")
    usual = QueueSettings()
    beat = settings.duration("mail.queue.heartbeat", usual.beat_seconds, minimum=0.1)
    dead_after = settings.duration("mail.queue.dead.after", max(usual.dead_after_seconds, 3 * beat), minimum=1.0)
    if dead_after < 2 * beat:
        settings.error("must be at least twice mail.queue.heartbeat", "mail.queue.dead.after")
    read = QueueSettings(
        poll_seconds=settings.duration("mail.queue.poll.interval", usual.poll_seconds, minimum=0.01),
        beat_seconds=beat,
        dead_after_seconds=dead_after,
        sweep_seconds=settings.duration("mail.queue.sweep.interval", usual.sweep_seconds, minimum=1.0),
        lost_after_seconds=settings.duration("mail.queue.lost.after", usual.lost_after_seconds, minimum=1.0),
        lend_seconds=settings.duration("mail.queue.lend.after", usual.lend_seconds),
        prefetch=settings.integer("mail.queue.prefetch", usual.prefetch, minimum=1, maximum=10_000),
    )
    settings.finish()
    return read
