"""Settings of tasks, which James keeps in rabbitmq.properties."""

from dataclasses import dataclass

from compostela.base.settings import Settings

_NOT_YET = (
    "uri", "hosts", "vhost", "management.uri", "management.user", "management.password", "connection.pool.retries",
    "connection.pool.min.delay.ms", "channel.pool.retries", "channel.pool.max.delay.ms", "channel.pool.size",
    "driver.network.recovery.interval", "ssl.enabled", "ssl.management.enabled", "ssl.validation.strategy",
    "ssl.truststore", "ssl.truststore.password", "ssl.keystore", "ssl.keystore.password", "ssl.hostname.verifier",
    "quorum.queues.enable", "quorum.queues.replication.factor", "quorum.queues.delivery.limit",
    "mailqueue.publish.confirm.enabled", "event.bus.publish.confirm.enabled",
    "event.bus.notification.durability.enabled", "event.bus.propagate.dispatch.error", "notification.queue.autoDelete",
    "notification.queue.ttl", "cassandra.view.enabled", "mailqueue.view.sliceWindow", "mailqueue.view.bucketCount",
    "mailqueue.view.updateBrowseStartPace", "mailqueue.size.metricsEnabled", "task.queue.consumer.timeout",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """Which process runs tasks."""

    consumption_enabled: bool
    """Run the tasks that administrators start. Without it they wait, and health is degraded while one does."""


def read_task_settings(settings: Settings) -> TaskSettings:
    read = TaskSettings(consumption_enabled=settings.boolean("task.consumption.enabled", True))
    settings.not_yet(*_NOT_YET)
    settings.finish()
    return read
