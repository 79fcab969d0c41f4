"""How objects may be made from octets, as settings."""

from collections.abc import Callable
from dataclasses import replace

from compostela.adapters.s3.settings import BlobEncryption, BlobSettings

SECRET = BlobEncryption("a password", b"a salt of tests")
CODINGS: dict[str, Callable[[BlobSettings], BlobSettings]] = {
    "plain": lambda settings: settings,
    "compressed": lambda settings: replace(settings, is_compressing=True, compression_threshold=100),
    "encrypted": lambda settings: replace(settings, encryption=SECRET),
    "both": lambda settings: replace(
        settings, encryption=SECRET, is_compressing=True, compression_threshold=0, is_deduplicating=False
    ),
}
