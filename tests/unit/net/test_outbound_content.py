"""What is looked at before a mail goes out is the same for a body in one piece and for one that comes in pieces."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.net.outbound.content import Unreadable, shape_of, small_body

OCTETS = st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"\x00", b"\xe9", b"x" * 499])).map(b"".join)


class Piecemeal(MemoryBody):
    """Comes octet by octet."""

    async def chunks(self, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        assert (offset, length) == (0, None)
        for at in range(len(self.data)):
            yield self.data[at : at + 1]


class Cut(MemoryBody):
    """Has lost its last octet."""

    @property
    def size(self) -> int:
        return len(self.data) + 1


@given(OCTETS)
async def test_pieces_make_no_difference(octets: bytes) -> None:
    content = MessageContent(b"Subject: hello\r\n\r\n", Piecemeal(octets))
    assert await shape_of(content) == await shape_of(content, octets)


async def test_a_small_body_that_lacks_octets_does_not_go_out() -> None:
    with pytest.raises(Unreadable, match="10 octets where 11"):
        await small_body(MessageContent(b"\r\n", Cut(b"0123456789")))
