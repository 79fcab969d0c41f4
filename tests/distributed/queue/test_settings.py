"""`rabbitmq.properties` is read by James's names, and `queue.properties`."""

import pytest

from compostela.adapters.cassandra.queue_settings import QueueSettings, read_queue_settings
from compostela.adapters.rabbitmq.settings import RabbitSettings
from compostela.base import declared
from compostela.base.settings import Problems, Severity
from tests.distributed.settings_text import settings_of


def read(text: str) -> tuple[RabbitSettings, Problems]:
    settings, problems = settings_of(text, "rabbitmq.properties")
    return declared.read(RabbitSettings, settings), problems


def test_without_a_file_it_is_the_broker_of_this_machine() -> None:
    assert read("") == (RabbitSettings(), Problems())


def test_servers_and_a_virtual_host() -> None:
    settings, problems = read(
        "uri=amqp://ann:word@one:5673/a\nhosts=one:5673, two\nvhost=/mail\nquorum.queues.enable=false"
    )
    assert problems.found == []
    assert settings.uris == ("amqp://ann:word@one:5673/mail", "amqp://ann:word@two/mail")
    assert not settings.uses_quorum_queues


def test_tls_and_replicas() -> None:
    settings, problems = read(
        "uri=amqps://one\nssl.validation.strategy=ignore\nssl.truststore=/ca.pem\nquorum.queues.replication.factor=3\n"
        "mailqueue.publish.confirm.enabled=true"
    )
    assert (settings.is_encrypted, settings.is_certificate_checked, settings.replicas) == (True, False, 3)
    assert settings.trusted_certificates == "/ca.pem"
    assert [problem.severity for problem in problems.found] == [Severity.NO_EFFECT]


@pytest.mark.parametrize("uri", ["http://secret-word@a", "amqp://", "secret-word"])
def test_a_wrong_uri_is_told_without_the_password(uri: str) -> None:
    errors = read(f"uri={uri}")[1].of(Severity.ERROR)
    assert errors
    assert "secret-word" not in "".join(map(str, errors))


def test_how_queues_are_kept() -> None:
    settings, problems = settings_of(
        "mail.queue.choice=RABBITMQ\nmail.queue.lost.after=5m\nmail.queue.heartbeat=2s\nmail.queue.prefetch=7",
        "queue.properties",
    )
    assert read_queue_settings(settings) == QueueSettings(lost_after_seconds=300.0, beat_seconds=2.0, prefetch=7)
    assert problems.found == []


@pytest.mark.parametrize(
    "text", ["mail.queue.choice=PULSAR", "mail.queue.prefetch=0", "mail.queue.heartbeat=9\nmail.queue.dead.after=10"]
)
def test_what_is_wrong_is_told(text: str) -> None:
    settings, problems = settings_of(text, "queue.properties")
    read_queue_settings(settings)
    assert problems.of(Severity.ERROR)
