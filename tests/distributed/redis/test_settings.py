"""`redis.properties` is read by James's names."""

import pytest

from compostela.adapters.redis.settings import RedisAddress, RedisSettings, Topology, read_redis_settings
from compostela.base.settings import Problems, Severity
from tests.distributed.settings_text import settings_of


def read(text: str) -> tuple[RedisSettings, Problems]:
    settings, problems = settings_of(text, "redis.properties")
    return read_redis_settings(settings), problems


@pytest.mark.parametrize(
    ("text", "address", "topology"),
    [
        ("redisURL=redis://redis:7000", RedisAddress((("redis", 7000),)), Topology.STANDALONE),
        (
            "redisURL=rediss://ann:p%40ss@redis/3",
            RedisAddress((("redis", 6379),), "ann", "p@ss", 3, is_encrypted=True),
            Topology.STANDALONE,
        ),
        (
            "redisURL=redis://secret1@a:1,redis://b:2,c\nredis.topology=cluster",
            RedisAddress((("a", 1), ("b", 2), ("c", 6379)), None, "secret1"),
            Topology.CLUSTER,
        ),
        (
            "redisURL=redis-sentinel://secret1@s1:26380,s2,s3:5?sentinelMasterId=mymaster\nredis.topology=sentinel",
            RedisAddress((("s1", 26380), ("s2", 26379), ("s3", 5)), None, "secret1", sentinel_master="mymaster"),
            Topology.SENTINEL,
        ),
        (
            "redisURL=redis://a,b\nredis.topology=MASTER-REPLICA",
            RedisAddress((("a", 6379), ("b", 6379))),
            Topology.MASTER_REPLICA,
        ),
    ],
)
def test_a_url_and_a_topology(text: str, address: RedisAddress, topology: Topology) -> None:
    settings, problems = read(text)
    assert problems.found == []
    assert (settings.address, settings.topology) == (address, topology)


def test_without_a_file_it_is_the_redis_of_this_machine() -> None:
    assert read("")[0] == RedisSettings()


def test_everything_else() -> None:
    settings, problems = read(
        "redisURL=redis://a\nredis.ssl.enabled=true\nredis.ignoreCertificateCheck=false\nredis.keystore.file.path=/k.pem\n"
        "redis.keystore.password=word\nredis.command.timeout=3s\nredis.retry.interval=500\nredis.ioThreads=4"
    )
    assert (settings.is_encrypted, settings.is_certificate_checked) == (True, True)
    assert (settings.client_certificate, settings.client_certificate_password) == ("/k.pem", "word")
    assert (settings.timeout_seconds, settings.retry_seconds) == (3.0, 0.5)
    assert [problem.severity for problem in problems.found] == [Severity.NO_EFFECT]


@pytest.mark.parametrize(
    "text",
    [
        "redisURL=http://a", "redisURL=redis://", "redisURL=redis://a:b:c", "redisURL=redis://a/x", "redisURL=redis://a,b",
        "redisURL=redis://a\nredis.topology=sentinel", "redisURL=redis-sentinel://a\nredis.topology=sentinel",
        "redisURL=redis-sentinel://secret-word@a?sentinelMasterId=m\nredis.topology=cluster", "redis.topologie=cluster",
        "redisURL=redis://u:secret-word@h:x",
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_without_the_password(text: str) -> None:
    errors = read(text)[1].of(Severity.ERROR)
    assert errors
    assert "secret-word" not in "".join(map(str, errors))
