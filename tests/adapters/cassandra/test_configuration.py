"""`cassandra.properties` and `cassandra-driver.conf` are read by James's names."""

import math

import pytest

from compostela.adapters.cassandra.configuration import read_cassandra_settings
from compostela.adapters.cassandra.settings import CassandraSettings, CassandraTls, Host, RecoveryMode
from compostela.app.configuration.files import Reader
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Problems, Settings, Severity

DRIVER = """
datastax-java-driver {
  basic.request { timeout = 7 seconds, consistency = QUORUM }
  advanced {
    connection.connect-timeout = 2500
    connection.pool.local.size = 2
    throttler { max-queue-size = 20, max-concurrent-requests = 10 }
    ssl-engine-factory {
      class = DefaultSslEngineFactory
      truststore-path = "/etc/trust.jks", truststore-password = secret1
      keystore-path = /etc/own.p12
      hostname-validation = false
    }
  }
}
"""


def read(properties: str = "", driver: str = "") -> tuple[CassandraSettings, Problems]:
    problems = Problems()
    reader = Reader(problems, {"CASSANDRA_PASSWORD": "secret2"})
    nodes = (reader.parse(name, text.encode()) for name, text in (("c.properties", properties), ("d.conf", driver)))
    both = [Settings(node, problems) for node in nodes if node is not None]
    return read_cassandra_settings(both[0], both[1]), problems


def test_without_files_the_defaults_are_james_s() -> None:
    settings, problems = read()
    assert settings == CassandraSettings()
    assert (settings.keyspace, settings.replication_factor, settings.create_keyspace) == ("apache_james", 1, False)
    assert problems.found == []


def test_everything_is_read_by_james_s_names() -> None:
    settings, problems = read(
        """
        cassandra.nodes=c1:9142, c2:9142
        cassandra.keyspace.create=true
        cassandra.keyspace=mail
        cassandra.user=ann
        cassandra.password=${env:CASSANDRA_PASSWORD}
        cassandra.replication.factor=3
        cassandra.local.dc=dc-1
        cassandra.retryConnection.maxRetries=200
        cassandra.retryConnection.minDelay=300
        mailbox.max.retry.acl=1000
        """,
        DRIVER,
    )
    assert settings == CassandraSettings(
        hosts=(Host("c1", 9142), Host("c2", 9142)),
        keyspace="mail",
        create_keyspace=True,
        replication_factor=3,
        local_datacenter="dc-1",
        user="ann",
        password="secret2",
        tls=CassandraTls("/etc/trust.jks", "secret1", "/etc/own.p12", "", verify_name=False),
        connect_seconds=2.5,
        request_seconds=7.0,
        connect_attempts=200,
        connect_delay_seconds=0.3,
        max_requests=10,
        max_waiting=20,
        connections_per_host=2,
    )
    assert [str(one) for one in problems.found] == [
        "c.properties:11: 'mailbox.max.retry.acl' has no effect here",
        "d.conf: options without effect here: basic.request.consistency",
    ]


@pytest.mark.parametrize(
    ("properties", "driver", "complaint"),
    [
        ("cassandra.nodes=a:b", "", "c.properties:1: cassandra.nodes: 'a:b' is not host:port"),
        ("cassandra.nodes=a:1,b:2", "", "c.properties:1: cassandra.nodes: all nodes must have the same port"),
        ("cassandra.keyspace=a; DROP", "", "c.properties:1: cassandra.keyspace: 'a; DROP' is not a name of a keyspace"),
        ("cassandra.local.dc=d'c", "", 'c.properties:1: cassandra.local.dc: "d\'c" is not the name of a data centre'),
        ("cassandra.user=ann", "", "c.properties:1: cassandra.user and cassandra.password belong together"),
        ("cassandra.keyspaces=a", "", "c.properties:1: unknown 'cassandra.keyspaces'"),
        ("", "datastax-java-driver.basic.request.timeout = soon", "d.conf:1: datastax-java-driver.basic.request"),
        ("", "datastax-java-driver.advanced.ssl-engine-factory.class = a.Mine", "d.conf:1: 'a.Mine' is not known"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(properties: str, driver: str, complaint: str) -> None:
    _, problems = read(properties, driver)
    assert [str(one)[: len(complaint)] for one in problems.of(Severity.ERROR)] == [complaint]


@pytest.mark.parametrize(
    "wrong",
    [{"hosts": ()}, {"hosts": (Host("a", 1), Host("b", 2))}, {"keyspace": "a; DROP"}, {"keyspace": "9"}],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        CassandraSettings(**wrong)  # type: ignore[arg-type]


def test_an_address_is_told_from_a_name() -> None:
    assert [Host(name).is_address for name in ("127.0.0.1", "::1", "cassandra")] == [True, True, False]


@pytest.mark.parametrize("mode", RecoveryMode)
def test_recovery_copies_are_chosen_in_any_case(mode: RecoveryMode) -> None:
    settings, problems = read(f"mailbox.blob.recovery.mode={mode.value.upper()}")
    assert (settings.recovery_mode, problems.found) == (mode, [])


def test_another_mode_of_recovery_copies_is_an_error() -> None:
    (error,) = read("mailbox.blob.recovery.mode=synchron")[1].of(Severity.ERROR)
    assert "synchronous" in str(error)


@pytest.mark.parametrize(
    ("properties", "days"),
    [
        ("", 30.0),
        ("email.change.ttl=60 days", 60.0),
        ("email.change.ttl=7\nmailbox.change.ttl=14", 14.0),
        ("email.change.ttl=60 days\nmailbox.change.ttl=0", math.inf),
    ],
)
def test_changes_are_kept_for_the_longer_of_two_times(properties: str, days: float) -> None:
    settings, problems = read(properties)
    assert (settings.kept_changes_seconds, problems.found) == (days * 86400, [])
