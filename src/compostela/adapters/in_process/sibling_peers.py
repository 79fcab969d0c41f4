"""The worker processes of one server as each other's peers."""

import zlib
from base64 import b64decode, b64encode

from compostela.base.errors import TemporaryFailure
from compostela.base.siblings import PEERS, Json, Siblings
from compostela.core.connections.ports import Answering


class SiblingPeers:
    """See `compostela.core.connections.ports`. Questions go by way of the supervisor, as compressed base64: a message there is
    bounded."""

    def __init__(self, siblings: Siblings) -> None:
        self._siblings = siblings

    def serve(self, answer: Answering) -> None:
        async def answered(question: Json) -> Json:
            return _packed(answer(_unpacked(question)))

        self._siblings.answer(PEERS, answered)

    async def ask(self, question: bytes) -> list[bytes]:
        answers = await self._siblings.ask(PEERS, _packed(question))
        if None in answers:
            raise TemporaryFailure("a worker process does not answer")
        return [_unpacked(answer) for answer in answers]


def _packed(octets: bytes) -> str:
    return b64encode(zlib.compress(octets, 1)).decode()


def _unpacked(text: Json) -> bytes:
    """Raises `ValueError` for what is not of this form."""
    if not isinstance(text, str):
        raise ValueError("not a question or answer of a peer")
    return zlib.decompress(b64decode(text))
