"""Sessions for tests: one that notes which tables it writes, and one whose requests meet faults on their way, for the fixture `faulty`
of `tests.contracts.distance`."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from compostela.adapters.cassandra.errors import OutcomeUnknown
from compostela.adapters.cassandra.session import CassandraSession, Prepare, Request
from compostela.adapters.cassandra.settings import CassandraSettings
from compostela.base.errors import TemporaryFailure

DELAY_SECONDS = 0.02
Send = Callable[[Request], Awaitable[Any]]  # Any: the driver's result
Fault = Callable[[Request, Send], Awaitable[Any]]
_TABLE = re.compile(r"(?:INSERT INTO|UPDATE|DELETE (?:[\w, ]+ )?FROM) (\w+)")


class CassandraFaults:
    """What happens to writes while a context is entered. Reads go their way."""

    def __init__(self) -> None:
        self.fault: Fault | None = None

    @contextmanager
    def _instead(self, fault: Fault) -> Iterator[None]:
        self.fault = fault
        try:
            yield
        finally:
            self.fault = None

    @contextmanager
    def refuses(self) -> Iterator[None]:
        async def refuse(request: Request, send: Send) -> Any:
            raise TemporaryFailure("refused")

        with self._instead(refuse):
            yield

    @contextmanager
    def drops_answers(self) -> Iterator[None]:
        async def drop(request: Request, send: Send) -> Any:
            await send(request)
            raise OutcomeUnknown("the answer is lost")

        with self._instead(drop):
            yield

    @contextmanager
    def delays(self) -> Iterator[None]:
        async def delay(request: Request, send: Send) -> Any:
            await asyncio.sleep(DELAY_SECONDS)
            return await send(request)

        with self._instead(delay):
            yield


class NotingSession(CassandraSession):
    """Notes the tables that sessions of this process write, which are to be emptied: also one that has no rows may hold deletions,
    which would hide what the next test writes under the same timestamps."""

    written: ClassVar[set[str]] = set()

    async def send(self, request: Request) -> Any:
        if request.is_write:
            self.written.update(_TABLE.findall(" ".join(statement.text for statement in request.statements)))
        return await super().send(request)


class FaultySession(NotingSession):
    """See `faults`."""

    def __init__(self, settings: CassandraSettings, prepare: Prepare | None = None) -> None:
        super().__init__(settings, prepare)
        self.faults = CassandraFaults()

    async def send(self, request: Request) -> Any:
        fault = self.faults.fault if request.is_write else None
        return await (super().send(request) if fault is None else fault(request, super().send))
