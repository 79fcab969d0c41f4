"""Recovery copies as objects: `recovery/<id of the message>`, and `.<name of the object>` after it if the body is an object of its own.

So a listing tells which objects copies refer to. An object is a frame of MessagePack: a version, how the record was coded, its size
uncoded, and the record. It is compressed and encrypted as bodies are.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence

import msgspec

from compostela.adapters.s3.bodies import S3Blobs
from compostela.base.errors import InvalidArgument, NotFound, TemporaryFailure
from compostela.core.blob.model import Body, MemoryBody
from compostela.core.recovery.ports import CopyName, ListedCopy, RecoveryCopy
from compostela.model.flags import Flags
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import BlobId, MessageId
from compostela.model.username import Username

FOLDER = "recovery"
MAX_PREFIX = 31
"""Digits: one less than an id has."""
PAGE = 1000
_VERSION = 1
_NAME = re.compile(rf"{FOLDER}/([0-9a-f]{{32}})(?:\.(.+))?\Z", re.ASCII)
_PREFIX = re.compile(rf"[0-9a-f]{{0,{MAX_PREFIX}}}\Z", re.ASCII)


class _Record(msgspec.Struct, frozen=True, array_like=True):
    user: str
    internal_date: int
    header: bytes
    body_size: int
    body: bytes | None
    """None if it is an object of its own."""
    system_flags: int = 0
    keywords: tuple[str, ...] = ()
    path: tuple[str, str, str] | None = None
    """Namespace, user and name. This and the flags are missing in copies of older releases, which ignore them."""


class _Frame(msgspec.Struct, frozen=True, array_like=True):
    version: int
    coding: str
    size: int
    record: bytes


_encoder = msgspec.msgpack.Encoder()
_frame_decoder = msgspec.msgpack.Decoder(_Frame)
_record_decoder = msgspec.msgpack.Decoder(_Record)


class S3RecoveryCopies:
    """See `compostela.core.recovery.ports.RecoveryCopies`."""

    def __init__(self, blobs: S3Blobs) -> None:
        self._blobs = blobs

    async def write(self, copy: RecoveryCopy) -> None:
        body = None if copy.name.blob is not None else await copy.body.read()
        record = _Record(
            copy.user,
            copy.internal_date,
            copy.header,
            copy.body.size,
            body,
            copy.flags.system,
            tuple(sorted(copy.flags.keywords)),
            None if copy.path is None else (copy.path.namespace, copy.path.user.value, copy.path.name),
        )
        name, data = _object(copy.name), _encoder.encode(record)
        coding, coded = await asyncio.to_thread(self._blobs.coding.encode, data, name)
        framed = _encoder.encode(_Frame(_VERSION, coding, len(data), coded))
        await self._blobs.bucket.put(name, framed, len(framed))

    async def read(self, name: CopyName) -> RecoveryCopy:
        object_name = _object(name)
        size = await self._blobs.bucket.size(object_name)
        if size is None:
            raise NotFound(f"there is no object {object_name}")
        data = await self._blobs.bucket.get(object_name, 0, size)
        try:
            frame = _frame_decoder.decode(data)
            if frame.version != _VERSION:
                raise TemporaryFailure(f"object {object_name} was written by a newer server")
            coding = self._blobs.coding
            record = _record_decoder.decode(
                await asyncio.to_thread(coding.decode, frame.coding, frame.record, object_name, frame.size)
            )
        except msgspec.DecodeError as error:
            raise TemporaryFailure(f"object {object_name} is damaged") from error
        body: Body
        if name.blob is None:
            body = MemoryBody(record.body or b"")
        else:
            try:
                body = await self._blobs.find(name.blob, record.body_size)
            except NotFound as error:
                raise TemporaryFailure(f"the body of a recovery copy is gone: {error}") from error
        flags = Flags(record.system_flags, frozenset(record.keywords))
        path = None
        if record.path is not None:
            namespace, user, mailbox = record.path
            path = MailboxPath(namespace, Username.parse(user), mailbox)
        return RecoveryCopy(name, record.user, record.internal_date, record.header, body, flags, path)

    async def remove(self, name: CopyName) -> None:
        await self._blobs.bucket.delete(_object(name))

    async def list(self, prefix: str, after: CopyName | None, limit: int) -> Sequence[ListedCopy]:
        if not _PREFIX.match(prefix):
            raise InvalidArgument(f"a prefix has at most {MAX_PREFIX} hexadecimal digits in lower case")
        begin = f"{FOLDER}/{prefix}"
        last = begin if after is None else _object(after)
        while found := await self._blobs.bucket.listed(FOLDER, last, limit):
            chosen = [one for one in found if one[0].startswith(begin)]
            copies = [copy for name, changed_at in chosen if (copy := _listed(name, changed_at)) is not None]
            if copies or len(chosen) < len(found):
                return copies
            # other objects only
            last = found[-1][0]
        return []

    async def referred(self) -> AsyncIterator[Sequence[BlobId]]:
        """The objects to which copies refer, for the collection. Raises `TemporaryFailure`."""
        after: CopyName | None = None
        while found := await self.list("", after, PAGE):
            yield [one.name.blob for one in found if one.name.blob is not None]
            after = found[-1].name


def _listed(name: str, changed_at: float) -> ListedCopy | None:
    """None for an object that is no copy."""
    parts = _NAME.match(name)
    if parts is None:
        return None
    return ListedCopy(CopyName(MessageId(parts[1]), None if parts[2] is None else BlobId(parts[2])), changed_at)


def _object(name: CopyName) -> str:
    return f"{FOLDER}/{name.message}" if name.blob is None else f"{FOLDER}/{name.message}.{name.blob}"
