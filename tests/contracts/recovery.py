"""What every store of recovery copies keeps to. Subclasses give the fixtures `copies`, empty, `copies_elsewhere`, the
same on another node, and `keep`, which makes a blob of octets."""

from collections.abc import Awaitable, Callable

import pytest

from compostela.base.errors import InvalidArgument, NotFound
from compostela.core.blob.model import Body, MemoryBody
from compostela.core.recovery.ports import CopyName, RecoveryCopies, RecoveryCopy
from compostela.model.flags import Flags, SystemFlag
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import BlobId, MessageId
from compostela.model.username import Username

HEADER = b"From: ann@example.org\r\nSubject: a copy\r\n\r\n"
USER = "ann@example.org"
FLAGS = Flags.of(SystemFlag.SEEN, keywords=["work", "$Junk"])
PATH = MailboxPath.personal(Username(USER), "Lists.Garden")
Keep = Callable[[Body], Awaitable[BlobId]]


def named(number: int, prefix: str = "", blob: BlobId | None = None) -> CopyName:
    return CopyName(MessageId(f"{prefix}{number:0{32 - len(prefix)}x}"), blob)


def a_copy(name: CopyName, body: bytes = b"body\r\n") -> RecoveryCopy:
    return RecoveryCopy(name, USER, 1_700_000_000, HEADER, MemoryBody(body), FLAGS, PATH)


class RecoveryCopiesContract:
    ports = (RecoveryCopies,)

    async def test_a_copy_comes_back_elsewhere(
        self, copies: RecoveryCopies, copies_elsewhere: RecoveryCopies, keep: Keep
    ) -> None:
        large = b"y" * 20_000
        for written in (
            a_copy(named(1)),
            a_copy(named(2), b""),
            a_copy(named(3), b"x" * 5000),
            a_copy(named(4, blob=await keep(MemoryBody(large))), large),
        ):
            for _ in range(2):
                await copies.write(written)
            read = await copies_elsewhere.read(written.name)
            assert (read.name, read.user, read.internal_date) == (written.name, USER, written.internal_date)
            assert await read.content.read() == await written.content.read()
            assert (read.flags, read.path) == (FLAGS, PATH)
            assert read.body.digest == written.body.digest

    async def test_copies_are_listed_in_parts_and_by_prefix(self, copies: RecoveryCopies, keep: Keep) -> None:
        blob = await keep(MemoryBody(b"kept"))
        written = [
            named(number, prefix, blob if number % 2 else None) for prefix in ("0a", "0b", "f") for number in range(5)
        ]
        for name in written:
            await copies.write(a_copy(name, b"kept"))
        found: list[CopyName] = []
        while part := await copies.list("", found[-1] if found else None, 4):
            assert len(part) <= 4
            found += [one.name for one in part]
        assert found == written
        assert [one.name for one in await copies.list("0b", None, 100)] == written[5:10]
        assert [one.name for one in await copies.list("0b", written[7], 100)] == written[8:10]
        assert await copies.list("1", None, 100) == []

    @pytest.mark.parametrize("prefix", ["../", "0A", "0" * 32])
    async def test_a_prefix_that_no_id_has_is_refused(self, copies: RecoveryCopies, prefix: str) -> None:
        with pytest.raises(InvalidArgument):
            await copies.list(prefix, None, 100)

    async def test_a_removed_copy_is_gone_and_may_be_removed_again(self, copies: RecoveryCopies) -> None:
        await copies.write(a_copy(named(1)))
        await copies.write(a_copy(named(2)))
        for _ in range(2):
            await copies.remove(named(1))
        with pytest.raises(NotFound):
            await copies.read(named(1))
        assert [one.name for one in await copies.list("", None, 10)] == [named(2)]
