"""`blob.properties` (or `blobstore.properties`), by James's names."""

import enum
from dataclasses import dataclass
from typing import Annotated, Self

from compostela.base.declarations import Boolean, Choice, Duration, Integer, Parsed, Size, Text
from compostela.base.declared import Declared, Group, Reader
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings

DAY_SECONDS = 86400.0
MAX_CACHED_BYTES = 1024 * 1024
_IMPLEMENTATIONS = ("s3", "objectstorage")


class KeyDerivation(enum.Enum):
    PBKDF2_SHA512 = "PBKDF2WithHmacSHA512"
    PBKDF2_SHA256 = "PBKDF2WithHmacSHA256"


def _ratio(text: str) -> float:
    try:
        ratio = float(text)
    except ValueError:
        raise InvalidArgument(f"{text!r} is not a number") from None
    if not 0 <= ratio <= 1:
        raise InvalidArgument(f"must be from 0 to 1, but is {text!r}")
    return ratio


def _salt(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise InvalidArgument("must be hexadecimal digits") from None


@dataclass(frozen=True, slots=True)
class BlobEncryption:
    """What the key of AES is derived from. An operator who loses one of them loses all bodies."""

    password: Annotated[str, Text("encryption.aes.password")]
    """What the key is made from. Without it encrypted bodies are lost."""
    salt: Annotated[bytes, Parsed("encryption.aes.salt", _salt, "hexadecimal digits")]
    """What the key is made from too."""
    derivation: Annotated[
        KeyDerivation, Choice("encryption.aes.private.key.algorithm", {one.value: one for one in KeyDerivation})
    ] = KeyDerivation.PBKDF2_SHA512
    """How the key is made from both."""
    is_on: Annotated[bool, Boolean("encryption.aes.enable")] = True
    """Whether bodies are encrypted (AES-256-GCM). The form is not that of James."""


_NO_ENCRYPTION = {"password": "", "salt": b"", "is_on": False}


@dataclass(frozen=True, slots=True)
class BlobSettings(Declared):
    """`blob.properties`."""

    WITHOUT_EFFECT = ("objectstorage.s3.in.read.limit",)
    NOT_YET = (
        "encryption.s3.sse.c.enable", "encryption.s3.sse.c.master.key.algorithm", "encryption.s3.sse.c.master.key.password",
        "encryption.s3.sse.c.master.key.salt", "blob.export.implementation", "blob.export.localFile.directory",
        "objectstorage.s3.truststore.path", "objectstorage.s3.truststore.type", "objectstorage.s3.truststore.secret",
        "objectstorage.s3.truststore.algorithm",
    )  # fmt: skip

    implementation: Annotated[str, Text("implementation", required=True)] = "s3"
    """`s3`, and nothing else."""
    endpoint: Annotated[str, Text("objectstorage.s3.endPoint")] = ""
    """The URL of the store; empty for AWS in the region."""
    region: Annotated[str, Text("objectstorage.s3.region")] = "us-east-1"
    """The region of the store."""
    access_key: Annotated[str, Text("objectstorage.s3.accessKeyId")] = ""
    """The credentials' first half."""
    secret_key: Annotated[str, Text("objectstorage.s3.secretKey")] = ""
    """The credentials' second half."""
    bucket_prefix: Annotated[str, Text("objectstorage.bucketPrefix")] = ""
    """Before the name of the bucket."""
    namespace: Annotated[str, Text("objectstorage.namespace")] = "james"
    """The bucket. It must exist."""
    fallback_bucket: Annotated[str, Text("objectstorage.namespace.read.fallback")] = ""
    """Where objects are looked for that are not in the bucket, after a move to another one. Nothing is written there, and nothing
    removed."""
    is_certificate_checked: Annotated[bool, Boolean("objectstorage.s3.trustall", inverted=True)] = True
    """With true the server's certificate is not checked."""
    concurrency: Annotated[int, Integer("objectstorage.s3.http.concurrency", minimum=1)] = 100
    """Requests at once; others wait."""
    connect_seconds: Annotated[float, Duration("objectstorage.s3.connection.timeout", minimum=0.001)] = 5.0
    """Time-out of one connection."""
    read_seconds: Annotated[float, Duration("objectstorage.s3.read.timeout", minimum=0.001)] = 30.0
    """The longest that one request takes, if it is more than `objectstorage.s3.write.timeout`. Large bodies are read in pieces of 4 MiB."""
    write_seconds: Annotated[float, Duration("objectstorage.s3.write.timeout", minimum=0.001)] = 30.0
    """The longest that one request takes, if it is more than `objectstorage.s3.read.timeout`."""
    upload_retries: Annotated[int, Integer("objectstorage.s3.upload.retry.maxAttempts", minimum=0)] = 0
    """How often a request that failed is tried again."""
    upload_backoff_seconds: Annotated[
        float, Duration("objectstorage.s3.upload.retry.backoffDurationMillis", unit="ms")
    ] = 0.01
    """The wait before the first of these."""
    is_deduplicating: Annotated[bool, Boolean("deduplication.enable")] = True
    """Whether equal bodies share an object. Once off, it stays off. The element is required."""
    generation_seconds: Annotated[
        float, Duration("deduplication.gc.generation.duration", unit="days", minimum=3600.0)
    ] = 30 * DAY_SECONDS
    """How long objects belong to one generation. Garbage collection leaves the two youngest alone."""
    family: Annotated[int, Integer("deduplication.gc.generation.family", minimum=1)] = 1
    """Another number for another length of generations."""
    is_compressing: Annotated[bool, Boolean("compression.enable")] = False
    """Whether new bodies are compressed (zstd). Compressed ones are read in any case."""
    compression_threshold: Annotated[int, Size("compression.threshold")] = 16 * 1024
    """Smaller bodies are not compressed, in octets."""
    compression_ratio: Annotated[float, Parsed("compression.min-ratio", _ratio, "number from 0 to 1")] = 1.0
    """The compressed body is kept if it has at most this part of the octets; 0 only reads compressed ones."""
    is_caching: Annotated[bool, Boolean("cache.enable")] = False
    """With true the bodies of all messages are in S3, and small ones also in Cassandra for `cache.cassandra.ttl`. With false small ones
    (8 KiB) are in Cassandra alone, as long as the message is there."""
    cache_seconds: Annotated[float, Duration("cache.cassandra.ttl", minimum=1.0)] = 7 * DAY_SECONDS
    """How long a small body is in Cassandra too. Later it is read from S3."""
    cache_threshold: Annotated[int, Size("cache.sizeThresholdInBytes")] = 8 * 1024
    """The largest body that is in Cassandra too, in octets; at most 1 MiB."""
    encryption: Annotated[BlobEncryption | None, Group(when="is_on", defaults=_NO_ENCRYPTION)] = None

    @property
    def bucket(self) -> str:
        """The bucket of all bodies."""
        return self.bucket_prefix + self.namespace

    @property
    def request_seconds(self) -> float:
        """The longest that one request takes."""
        return max(self.read_seconds, self.write_seconds)

    def completed(self, settings: Settings) -> Self:
        if self.implementation and self.implementation.lower() not in _IMPLEMENTATIONS:
            text = f"bodies are kept in S3 only, not in {self.implementation!r}: write implementation=s3"
            settings.error(text, "implementation")
        if self.cache_threshold > MAX_CACHED_BYTES:
            settings.error("a body in a row of Cassandra has at most 1 MiB", "cache.sizeThresholdInBytes")
        if not settings.has("deduplication.enable"):
            settings.error("deduplication.enable is missing: true shares equal bodies and cannot be turned off later")
        if self.encryption is not None and not (self.encryption.password and self.encryption.salt):
            settings.error("encryption.aes.enable needs encryption.aes.password and encryption.aes.salt (hexadecimal)")
        return self


read_blob_settings = Reader(BlobSettings)
