"""Compression of stored bytes, where it pays."""

import threading

import zstandard

PLAIN = 0
ZSTD = 1

MINIMUM_BYTES = 1024
"""Shorter bytes are kept as they are: the gain does not pay for the work."""
WORTHWHILE = 0.9
"""Packed bytes are kept only when they are at most this part of the plain ones."""
_LEVEL = 1

_local = threading.local()


def _compressor() -> zstandard.ZstdCompressor:
    compressor: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=_LEVEL, write_content_size=True)
    return compressor


def _decompressor() -> zstandard.ZstdDecompressor:
    decompressor: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if decompressor is None:
        decompressor = _local.decompressor = zstandard.ZstdDecompressor()
    return decompressor


def pack(data: bytes) -> tuple[int, bytes]:
    """(coding, bytes)."""
    if len(data) >= MINIMUM_BYTES:
        packed = _compressor().compress(data)
        if len(packed) <= len(data) * WORTHWHILE:
            return ZSTD, packed
    return PLAIN, data


def unpack(coding: int, data: bytes) -> bytes:
    return _decompressor().decompress(data) if coding == ZSTD else data


def unpack_whole(coding: int, data: bytes | None, size: int) -> bytes | None:
    """The `size` plain octets, or None if `data` is gone or cut. Damage that keeps the length is not looked for."""
    if data is None:
        return None
    try:
        # looked at first: a damaged frame must not ask for any amount of memory
        if coding == ZSTD and zstandard.frame_content_size(data) != size:
            return None
        plain = unpack(coding, data)
    except zstandard.ZstdError:
        return None
    return plain if len(plain) == size else None
