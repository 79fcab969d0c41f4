"""What dialogues about imap durable writes share."""

from collections.abc import Callable

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.testing.server import Server

Again = Callable[[], None]


def failing(monkeypatch: pytest.MonkeyPatch, server: Server, method: str, *, times: int = 1_000_000) -> Again:
    """Lets a method of the real store fail; gives what ends that."""
    works, left = getattr(server.store.mailboxes, method), times

    async def fails(*arguments: object) -> object:
        nonlocal left
        left -= 1
        if left >= 0:
            raise TemporaryFailure("on purpose")
        return await works(*arguments)

    monkeypatch.setattr(server.store.mailboxes, method, fails)
    return lambda: monkeypatch.setattr(server.store.mailboxes, method, works)
