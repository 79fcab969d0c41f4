"""The open connections of all processes: listed, and ended by an administrator."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from compostela.core.connections.model import Channel
from compostela.core.connections.ports import Peers
from compostela.model.username import Username

MAX_CHANNELS = 10_000
"""Connections that one process tells of at once; the others are counted nowhere."""


class _LocalConnections(Protocol):
    """Those of this process."""

    def channels(self, user: Username | None) -> list[Channel]:
        """Of one user, or all."""
        ...

    def users(self) -> set[str]:
        """That are logged in."""
        ...

    def disconnect(self, user: Username | None) -> None:
        """Ends the connections of one user, or all."""
        ...


class _Channels(msgspec.Struct, frozen=True, tag=True):
    user: str | None


class _Users(msgspec.Struct, frozen=True, tag=True):
    pass


class _Disconnect(msgspec.Struct, frozen=True, tag=True):
    """None: all."""

    users: tuple[str, ...] | None


_Question = _Channels | _Users | _Disconnect
_encoder = msgspec.msgpack.Encoder()
_questions: msgspec.msgpack.Decoder[_Question] = msgspec.msgpack.Decoder(_Question)
_channels = msgspec.msgpack.Decoder(list[Channel])
_users = msgspec.msgpack.Decoder(list[str])


class Connections:
    """Each method raises `TemporaryFailure` if a process does not answer."""

    def __init__(self, local: _LocalConnections, peers: Peers) -> None:
        self._local = local
        self._peers = peers
        peers.serve(self._answer)

    async def channels(self, user: Username | None = None) -> list[Channel]:
        """Of one user, or all; at most `MAX_CHANNELS` of each process."""
        question = _Channels(None if user is None else user.value)
        others = await self._peers.ask(_encoder.encode(question))
        found = [*self._channels(question), *(one for answer in others for one in _channels.decode(answer))]
        return sorted(found, key=lambda one: one.connected_at)

    async def users(self) -> list[str]:
        """That are logged in anywhere, each once, by name."""
        others = await self._peers.ask(_encoder.encode(_Users()))
        return sorted(self._local.users().union(*(_users.decode(answer) for answer in others)))

    async def disconnect(self, users: Sequence[Username] | None = None) -> None:
        """Ends the connections of some users, or all of them."""
        question = _Disconnect(None if users is None else tuple(one.value for one in users))
        self._disconnect(question)
        await self._peers.ask(_encoder.encode(question))

    def _answer(self, question: bytes) -> bytes:
        match _questions.decode(question):
            case _Channels() as asked:
                return _encoder.encode(self._channels(asked))
            case _Users():
                return _encoder.encode(sorted(self._local.users()))
            case _Disconnect() as asked:
                self._disconnect(asked)
                return b""

    def _channels(self, asked: _Channels) -> list[Channel]:
        return self._local.channels(None if asked.user is None else Username(asked.user))[:MAX_CHANNELS]

    def _disconnect(self, asked: _Disconnect) -> None:
        if asked.users is None:
            self._local.disconnect(None)
        else:
            for user in asked.users:
                self._local.disconnect(Username(user))
