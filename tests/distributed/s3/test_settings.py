"""`blob.properties` is read by James's names."""

import pytest

from compostela.adapters.s3.settings import BlobEncryption, BlobSettings, KeyDerivation, read_blob_settings
from compostela.base.settings import Problems, Severity
from tests.distributed.settings_text import settings_of

LEAST = "implementation=s3\ndeduplication.enable=true\n"


def read(text: str) -> tuple[BlobSettings, Problems]:
    settings, problems = settings_of(text, "blob.properties")
    return read_blob_settings(settings), problems


def test_the_least() -> None:
    assert read(LEAST) == (BlobSettings(), Problems())


def test_everything() -> None:
    settings, problems = read(
        "implementation=objectstorage\ndeduplication.enable=false\ndeduplication.gc.generation.duration=15\n"
        "deduplication.gc.generation.family=2\nobjectstorage.s3.endPoint=http://s3:8080/\nobjectstorage.s3.region=eu-west-1\n"
        "objectstorage.s3.accessKeyId=id\nobjectstorage.s3.secretKey=word\nobjectstorage.s3.http.concurrency=7\n"
        "objectstorage.bucketPrefix=p-\nobjectstorage.namespace=mails\nobjectstorage.namespace.read.fallback=old\nobjectstorage.s3.trustall=true\n"
        "objectstorage.s3.upload.retry.maxAttempts=3\nobjectstorage.s3.upload.retry.backoffDurationMillis=20\n"
        "compression.enable=true\ncompression.threshold=32K\ncompression.min-ratio=0.8\n"
        "encryption.aes.enable=true\nencryption.aes.password=word\nencryption.aes.salt=00ff\n"
        "encryption.aes.private.key.algorithm=PBKDF2WithHmacSHA256\n"
        "cache.enable=true\ncache.cassandra.ttl=14 days\ncache.sizeThresholdInBytes=16384"
    )
    assert problems.found == []
    assert settings == BlobSettings(
        implementation="objectstorage",
        endpoint="http://s3:8080/",
        region="eu-west-1",
        access_key="id",
        secret_key="word",
        bucket_prefix="p-",
        namespace="mails",
        fallback_bucket="old",
        is_certificate_checked=False,
        concurrency=7,
        upload_retries=3,
        upload_backoff_seconds=0.02,
        is_deduplicating=False,
        generation_seconds=15 * 86400.0,
        family=2,
        is_compressing=True,
        compression_threshold=32 * 1024,
        compression_ratio=0.8,
        encryption=BlobEncryption("word", b"\x00\xff", KeyDerivation.PBKDF2_SHA256),
        is_caching=True,
        cache_seconds=14 * 86400.0,
        cache_threshold=16384,
    )


@pytest.mark.parametrize(
    "text",
    [
        "", "implementation=cassandra\ndeduplication.enable=true", "implementation=s3", f"{LEAST}compression.min-ratio=2",
        f"{LEAST}encryption.aes.enable=true\nencryption.aes.password=secret-word",
        f"{LEAST}encryption.aes.enable=true\nencryption.aes.password=secret-word\nencryption.aes.salt=xyz",
        f"{LEAST}compresion.enable=true", f"{LEAST}cache.sizeThresholdInBytes=2M", f"{LEAST}cache.cassandra.ttl=0",
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_without_the_password(text: str) -> None:
    errors = read(text)[1].of(Severity.ERROR)
    assert errors
    assert "secret-word" not in "".join(map(str, errors))
