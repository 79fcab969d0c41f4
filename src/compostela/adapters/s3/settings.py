"""`blob.properties` (or `blobstore.properties`), by James's names."""

import enum
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings

DAY_SECONDS = 86400.0
_IMPLEMENTATIONS = ("s3", "objectstorage")


class KeyDerivation(enum.Enum):
    PBKDF2_SHA512 = "PBKDF2WithHmacSHA512"
    PBKDF2_SHA256 = "PBKDF2WithHmacSHA256"


@dataclass(frozen=True, slots=True)
class BlobEncryption:
    """What the key of AES is derived from. An operator who loses one of them loses all bodies."""

    password: str
    salt: bytes
    derivation: KeyDerivation = KeyDerivation.PBKDF2_SHA512


@dataclass(frozen=True, slots=True)
class BlobSettings:
    """`blob.properties`."""

    endpoint: str = ""
    """The URL of the store; empty for AWS in the region."""
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: str = ""
    bucket: str = "james"
    """`objectstorage.bucketPrefix` and `objectstorage.namespace` together. The bucket must exist."""
    fallback_bucket: str = ""
    """Where objects are looked for that are not in the bucket, after a move to another one. Nothing is written there, and nothing
    removed."""
    is_certificate_checked: bool = True
    concurrency: int = 100
    """Requests at once; others wait."""
    connect_seconds: float = 5.0
    request_seconds: float = 30.0
    """The longest that one request takes. Large bodies are read in pieces of 4 MiB."""
    upload_retries: int = 0
    """How often a request that failed is tried again."""
    upload_backoff_seconds: float = 0.01
    """The wait before the first of these."""
    is_deduplicating: bool = True
    """Whether equal bodies share an object. Once off, it stays off."""
    generation_seconds: float = 30 * DAY_SECONDS
    """How long objects belong to one generation. Garbage collection leaves the two youngest alone."""
    family: int = 1
    """Another number for another length of generations."""
    is_compressing: bool = False
    compression_threshold: int = 16 * 1024
    """Smaller bodies are not compressed, in octets."""
    compression_ratio: float = 1.0
    """The compressed body is kept if it has at most this part of the octets; 0 only reads compressed ones."""
    encryption: BlobEncryption | None = None


def read_blob_settings(settings: Settings) -> BlobSettings:
    """Reads the whole file."""
    implementation = settings.required("implementation")
    if implementation and implementation.lower() not in _IMPLEMENTATIONS:
        settings.error(
            f"bodies are kept in S3 only, not in {implementation!r}: write implementation=s3", "implementation"
        )
    if not settings.has("deduplication.enable"):
        settings.error("deduplication.enable is missing: true shares equal bodies and cannot be turned off later")
    prefix = settings.text("objectstorage.bucketPrefix", "")
    generation = settings.duration(
        "deduplication.gc.generation.duration", 30 * DAY_SECONDS, unit="days", minimum=3600.0
    )
    settings.not_yet(
        "cache.enable", "cache.cassandra.ttl", "cache.sizeThresholdInBytes",
        "encryption.s3.sse.c.enable", "encryption.s3.sse.c.master.key.algorithm", "encryption.s3.sse.c.master.key.password",
        "encryption.s3.sse.c.master.key.salt", "blob.export.implementation", "blob.export.localFile.directory",
        "objectstorage.s3.truststore.path", "objectstorage.s3.truststore.type", "objectstorage.s3.truststore.secret",
        "objectstorage.s3.truststore.algorithm",
    )  # fmt: skip
    settings.ignored("objectstorage.s3.in.read.limit")
    read = BlobSettings(
        endpoint=settings.text("objectstorage.s3.endPoint", ""),
        region=settings.text("objectstorage.s3.region", "us-east-1"),
        access_key=settings.text("objectstorage.s3.accessKeyId", ""),
        secret_key=settings.text("objectstorage.s3.secretKey", ""),
        bucket=prefix + settings.text("objectstorage.namespace", "james"),
        fallback_bucket=settings.text("objectstorage.namespace.read.fallback", ""),
        is_certificate_checked=not settings.boolean("objectstorage.s3.trustall", False),
        concurrency=settings.integer("objectstorage.s3.http.concurrency", 100, minimum=1),
        connect_seconds=settings.duration("objectstorage.s3.connection.timeout", 5.0, minimum=0.001),
        request_seconds=max(
            settings.duration("objectstorage.s3.read.timeout", 30.0, minimum=0.001),
            settings.duration("objectstorage.s3.write.timeout", 30.0, minimum=0.001),
        ),
        upload_retries=settings.integer("objectstorage.s3.upload.retry.maxAttempts", 0, minimum=0),
        upload_backoff_seconds=settings.duration(
            "objectstorage.s3.upload.retry.backoffDurationMillis", 0.01, unit="ms"
        ),
        is_deduplicating=settings.boolean("deduplication.enable", True),
        generation_seconds=generation,
        family=settings.integer("deduplication.gc.generation.family", 1, minimum=1),
        is_compressing=settings.boolean("compression.enable", False),
        compression_threshold=settings.size("compression.threshold", 16 * 1024),
        compression_ratio=settings.parsed("compression.min-ratio", 1.0, _ratio),
        encryption=_encryption(settings),
    )
    settings.finish()
    return read


def _ratio(text: str) -> float:
    try:
        ratio = float(text)
    except ValueError:
        raise InvalidArgument(f"{text!r} is not a number") from None
    if not 0 <= ratio <= 1:
        raise InvalidArgument(f"must be from 0 to 1, but is {text!r}")
    return ratio


def _encryption(settings: Settings) -> BlobEncryption | None:
    is_on = settings.boolean("encryption.aes.enable", False)
    password = settings.text("encryption.aes.password", "")
    salt = settings.parsed("encryption.aes.salt", b"", _salt)
    derivation = settings.choice(
        "encryption.aes.private.key.algorithm", KeyDerivation.PBKDF2_SHA512, {one.value: one for one in KeyDerivation}
    )
    if not is_on:
        return None
    if not password or not salt:
        settings.error("encryption.aes.enable needs encryption.aes.password and encryption.aes.salt (hexadecimal)")
        return None
    return BlobEncryption(password, salt, derivation)


def _salt(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise InvalidArgument("must be hexadecimal digits") from None
