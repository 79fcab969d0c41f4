"""One bucket: requests that are bounded in number and time, and whose errors are ours."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from compostela.adapters.s3.settings import BlobSettings
from compostela.base.errors import TemporaryFailure

if TYPE_CHECKING:
    from obstore.store import S3Config

T = TypeVar("T")

PIECE_BYTES = 4 * 1024 * 1024
"""A large body is read in pieces of this size, so that the time limit of a request does not depend on its size."""
PART_BYTES = 8 * 1024 * 1024
"""A larger body is put in parts of this size (S3 wants at least 5 MiB)."""
PARTS_AT_ONCE = 4
UPLOAD_BYTES_PER_SECOND = 256 * 1024
"""A put may take so much longer for its size."""


class Bucket:
    """Connections are made when they are needed: a store that is away keeps nothing from starting."""

    def __init__(self, settings: BlobSettings) -> None:
        self._settings = settings
        self._free = asyncio.Semaphore(settings.concurrency)
        self._store = _store(settings, settings.bucket)
        self._fallback = _store(settings, settings.fallback_bucket) if settings.fallback_bucket else None

    async def put(self, name: str, content: bytes | Path, size: int) -> None:
        """Acknowledged by the store when it returns. Raises `TemporaryFailure`."""
        seconds = self._settings.request_seconds + size / UPLOAD_BYTES_PER_SECOND
        async with self._request(f"object {name} cannot be put", seconds):
            await obstore.put_async(
                self._store,
                name,
                content,
                use_multipart=size > PART_BYTES,
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )

    async def get(self, name: str, offset: int, length: int) -> bytes:
        """A range inside the object. Raises `TemporaryFailure`, also if the object is gone or shorter."""
        if not length:
            return b""
        pieces = [
            await self._piece(name, start, min(PIECE_BYTES, offset + length - start))
            for start in range(offset, offset + length, PIECE_BYTES)
        ]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _piece(self, name: str, start: int, length: int) -> bytes:
        async with self._request(f"object {name} cannot be read"):
            piece = await self._read(lambda store: obstore.get_range_async(store, name, start=start, length=length))
        if len(piece) != length:
            raise TemporaryFailure(f"object {name} was cut")
        return bytes(piece)

    async def size(self, name: str, *, in_fallback: bool = True) -> int | None:
        """None if there is no such object. Raises `TemporaryFailure`."""
        try:
            async with self._request(f"object {name} cannot be looked at"):
                if not in_fallback:
                    return int((await obstore.head_async(self._store, name))["size"])
                return int((await self._read(lambda store: obstore.head_async(store, name)))["size"])
        except TemporaryFailure as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise

    async def copy(self, old: str, new: str) -> None:
        """Raises `TemporaryFailure`, also if the old object is gone."""
        async with self._request(f"object {old} cannot be copied"):
            try:
                await obstore.copy_async(self._store, old, new)
            except FileNotFoundError:
                if self._fallback is None:
                    raise
            else:
                return
            found = await obstore.get_async(self._fallback, old)
            content = bytes(await found.bytes_async())
        await self.put(new, content, len(content))

    async def delete(self, name: str) -> None:
        """Nothing if it is not there. Raises `TemporaryFailure`."""
        async with self._request(f"object {name} cannot be deleted"):
            await obstore.delete_async(self._store, name)

    async def names(self, after: str, limit: int) -> list[str]:
        """At most `limit` names of objects after one, in their order. Raises `TemporaryFailure`."""
        return [name for name, _ in await self.listed("", after, limit)]

    async def listed(self, folder: str, after: str, limit: int) -> list[tuple[str, float]]:
        """The same, of a folder, with the epoch seconds of their last change. Raises `TemporaryFailure`."""
        async with self._request("the objects cannot be listed"):
            async for some in obstore.list(self._store, folder or None, offset=after or None, chunk_size=limit):
                return [(one["path"], one["last_modified"].timestamp()) for one in some][:limit]
        return []

    async def check(self) -> None:
        """Raises `TemporaryFailure` if the bucket is missing, the credentials are wrong, or the store is away."""
        async with self._request(f"bucket {self._settings.bucket} cannot be listed"):
            await obstore.list_with_delimiter_async(self._store, "0/")

    async def _read(self, read: Callable[[S3Store], Awaitable[T]]) -> T:
        """From the bucket, or from the one that it took the place of."""
        try:
            return await read(self._store)
        except FileNotFoundError:
            if self._fallback is None:
                raise
            return await read(self._fallback)

    @asynccontextmanager
    async def _request(self, what: str, seconds: float = 0.0) -> AsyncIterator[None]:
        limit = seconds or self._settings.request_seconds
        try:
            async with asyncio.timeout(limit), self._free:
                yield
        except (BaseError, OSError, TimeoutError) as error:
            raise TemporaryFailure(f"{what}: {_reason(error)}") from error


def _store(settings: BlobSettings, bucket: str) -> S3Store:
    config: S3Config = {
        "region": settings.region,
        "access_key_id": settings.access_key,
        "secret_access_key": settings.secret_key,
    }
    if settings.endpoint:
        config["endpoint"] = settings.endpoint
    return S3Store(
        bucket,
        config=config,
        client_options={
            "allow_http": settings.endpoint.startswith("http:"),
            "allow_invalid_certificates": not settings.is_certificate_checked,
            "connect_timeout": timedelta(seconds=settings.connect_seconds),
            "timeout": timedelta(seconds=settings.request_seconds),
        },
        retry_config={
            "max_retries": settings.upload_retries,
            "backoff": {"init_backoff": timedelta(seconds=settings.upload_backoff_seconds)},
            "retry_timeout": timedelta(seconds=settings.request_seconds),
        },
    )


def _reason(error: Exception) -> str:
    """The driver's first line: the others are its inside."""
    return (str(error) or type(error).__name__).partition("\n")[0][:500]
