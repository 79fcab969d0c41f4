"""A session with a Cassandra cluster: the only module that knows the driver (acsylla, over the C++ driver).

Reads and writes are at LOCAL_QUORUM, conditions at LOCAL_SERIAL. The driver never repeats a request by itself, since a write whose
outcome is unknown must be settled by its caller. A statement is prepared once for each session.

Timestamps are versions, never clocks. The driver would put this node's clock on a write without a timestamp, and the write of a node
with a slow clock would be lost. So each write either has a condition, and takes its timestamp from the order of the partition's
conditional writes, or has its own timestamp (`USING TIMESTAMP`). Other writes are refused.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import acsylla
from acsylla.errors import CassException

from compostela.adapters.cassandra.errors import mapped
from compostela.adapters.cassandra.settings import CassandraSettings, CassandraTls
from compostela.adapters.cassandra.tls import PemTexts, load_tls
from compostela.base.errors import CompostelaError, TemporaryFailure

_log = logging.getLogger(__name__)

Row = tuple[Any, ...]  # Any: each value has the type of its column
PAGE_SIZE = 1000
MAX_STATEMENTS = 5000
"""Statements that are kept prepared. The code has a few hundred; more means that values are written into a text."""
_RECONNECT_FIRST_MILLISECONDS = 200
_RECONNECT_LAST_MILLISECONDS = 2000


class Statement(NamedTuple):
    """A text with `?` for its values. Values follow the order of the `?`."""

    text: str
    values: Sequence[object] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent at once: one statement, or the statements of one batch on one partition."""

    statements: Sequence[Statement]
    is_write: bool
    is_batch: bool = False
    consistency: str | None = None
    page_size: int = 0
    page_state: bytes | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a conditional write. `rows` is what Cassandra found instead, by column."""

    applied: bool
    rows: Sequence[dict[str, Any]] = ()  # Any: each value has the type of its column


class CassandraSession:
    """Sends statements to a cluster, at most `max_requests` at once.

    All calls raise `TemporaryFailure` if the cluster cannot be asked, and `OutcomeUnknown` if a write may have been carried out.
    `prepare` runs each time a connection was made, before it is used: it brings the tables up to date.
    """

    def __init__(self, settings: CassandraSettings, prepare: "Prepare | None" = None) -> None:
        self.settings = settings
        self._prepare = prepare
        self._driver: Any = None  # Any: acsylla's session has no types
        self._prepared: dict[str, asyncio.Future[Any]] = {}
        self._free = asyncio.Semaphore(settings.max_requests)
        self._waiting = 0
        self._connecting: asyncio.Task[None] | None = None
        self._reason = ""
        """Why the last attempt to connect failed."""
        self.requests = 0
        """How many were sent."""

    # connecting

    @classmethod
    async def open(cls, settings: CassandraSettings, prepare: "Prepare | None" = None) -> Self:
        """A session that is connected. Raises `TemporaryFailure`, and what `prepare` raises."""
        session = cls(settings, prepare)
        await session.connect()
        return session

    @property
    def is_connected(self) -> bool:
        return self._driver is not None

    async def connect(self) -> None:
        """One attempt. Raises `TemporaryFailure`, and what `prepare` raises."""
        try:
            await self._connect_and_prepare()
        except CompostelaError as error:
            self._reason = str(error)
            raise

    async def _connect_and_prepare(self) -> None:
        driver = await self._connect()
        if self._prepare is not None:
            unprepared = CassandraSession(self.settings)
            unprepared._driver = driver
            try:
                await self._prepare(unprepared)
            except BaseException:
                await driver.close()
                raise
        self._driver = driver

    def connect_later(self) -> None:
        """Attempts until one succeeds, also after `prepare` has refused. Until then all calls raise `TemporaryFailure` with
        the reason."""
        self._connecting = asyncio.create_task(self._keep_connecting())

    async def _keep_connecting(self) -> None:
        attempts = 0
        while True:
            attempts += 1
            try:
                await self.connect()
            except TemporaryFailure as error:
                level = logging.ERROR if attempts % self.settings.connect_attempts == 0 else logging.WARNING
                _log.log(level, "Cassandra cannot be reached; attempts go on: attempts=%d error=%s", attempts, error)
            except CompostelaError as error:
                _log.error("Cassandra cannot be used; attempts go on: attempts=%d error=%s", attempts, error)
            except Exception:
                _log.exception("the tables cannot be prepared; attempts go on: attempts=%d", attempts)
            else:
                _log.info("connected to Cassandra: keyspace=%s attempts=%d", self.settings.keyspace, attempts)
                return
            await asyncio.sleep(self.settings.connect_delay_seconds)

    async def _connect(self) -> Any:
        settings = self.settings
        options = _options(settings)
        if settings.tls is not None:
            options |= _tls_options(settings, settings.tls, await asyncio.to_thread(load_tls, settings.tls))
        cluster = acsylla.create_cluster([host.name for host in settings.hosts], **options)
        try:
            if settings.create_keyspace:
                plain = await cluster.create_session()
                try:
                    await plain.query(_keyspace(settings))
                finally:
                    await plain.close()
            return await cluster.create_session(keyspace=settings.keyspace)
        except CassException as error:
            raise TemporaryFailure(
                f"Cassandra at {settings.hosts[0]}, keyspace {settings.keyspace}: {error}"
            ) from error

    async def close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        driver, self._driver = self._driver, None
        if driver is not None:
            await driver.close()

    # reading

    async def rows(self, text: str, *values: object, consistency: str | None = None) -> list[Row]:
        """All rows of a query that the model or a LIMIT bounds."""
        return [row async for page in self._pages(text, values, PAGE_SIZE, consistency) for row in page]

    async def first(self, text: str, *values: object, consistency: str | None = None) -> Row | None:
        request = Request((Statement(text, values),), is_write=False, consistency=consistency)
        found = (await self._ask(request)).first()
        return None if found is None else found.as_tuple()

    def pages(self, text: str, *values: object, size: int = PAGE_SIZE) -> AsyncIterator[list[Row]]:
        """All rows of a query, in lists of at most `size`, read as they are asked for. No list is empty."""
        return self._pages(text, values, size, None)

    async def _pages(
        self, text: str, values: Sequence[object], size: int, consistency: str | None
    ) -> AsyncIterator[list[Row]]:
        state = None
        while True:
            request = Request((Statement(text, values),), False, False, consistency, size, state)
            result = await self._ask(request)
            if rows := [row.as_tuple() for row in result]:
                yield rows
            if not result.has_more_pages():
                return
            state = result.page_state()

    # writing

    async def write(self, text: str, *values: object, consistency: str | None = None) -> None:
        """A write with a timestamp."""
        _check_timestamp(text)
        await self._ask(Request((Statement(text, values),), is_write=True, consistency=consistency))

    async def write_if(self, text: str, *values: object) -> Outcome:
        """A write with an IF, which is carried out or not."""
        return _outcome(await self._ask(Request((Statement(text, values),), is_write=True)))

    async def batch(self, statements: Sequence[Statement]) -> None:
        """Writes with timestamps to one partition, all or none."""
        for statement in statements:
            _check_timestamp(statement.text)
        await self._ask(Request(statements, is_write=True, is_batch=True))

    async def batch_if(self, statements: Sequence[Statement]) -> Outcome:
        """Writes to one partition, some with an IF: all or none."""
        return _outcome(await self._ask(Request(statements, is_write=True, is_batch=True)))

    async def change_schema(self, text: str) -> None:
        """A statement such as CREATE TABLE, which is not prepared. Returns when the nodes agree on the schema."""
        await self._guarded(lambda driver: driver.query(text))

    # sending

    async def _ask(self, request: Request) -> Any:
        """Waits for a free place, then sends."""
        if self._driver is None:
            raise self._not_connected()
        if self._free.locked():
            return await self._ask_later(request)
        async with self._free:
            return await self.send(request)

    async def _ask_later(self, request: Request) -> Any:
        if self._waiting >= self.settings.max_waiting:
            raise TemporaryFailure("too many requests wait for Cassandra")
        self._waiting += 1
        try:
            async with asyncio.timeout(self.settings.request_seconds):
                await self._free.acquire()
        except TimeoutError as error:
            raise TemporaryFailure("a request waited too long for others to Cassandra") from error
        finally:
            self._waiting -= 1
        try:
            return await self.send(request)
        finally:
            self._free.release()

    async def send(self, request: Request) -> Any:
        """Sends one request and returns the driver's result. Every request goes through here: a test kit overrides it."""
        self.requests += 1
        if not request.is_batch:
            statement = await self._bound(request.statements[0], request)
            return await self._guarded(lambda driver: driver.execute(statement))
        batch = acsylla.create_batch_unlogged()
        for each in request.statements:
            batch.add_statement(await self._bound(each, request))
        return await self._guarded(lambda driver: driver.execute_batch(batch))

    async def _bound(self, statement: Statement, request: Request) -> Any:
        prepared = await self._prepared_statement(statement.text)
        options: dict[str, Any] = {}
        if request.consistency is not None:
            options["consistency"] = acsylla.Consistency[request.consistency]
        if request.page_size:
            options["page_size"] = request.page_size
        if request.page_state is not None:
            options["page_state"] = request.page_state
        return prepared.bind(list(statement.values), **options)

    async def _prepared_statement(self, text: str) -> Any:
        """Prepared by the first that needs it; the others wait for that."""
        while (found := self._prepared.get(text)) is not None:
            with contextlib.suppress(_NotPrepared):
                return found.result() if found.done() else await asyncio.shield(found)
        if len(self._prepared) >= MAX_STATEMENTS:
            raise RuntimeError(f"more than {MAX_STATEMENTS} different statements: {text}")
        future = asyncio.get_running_loop().create_future()
        self._prepared[text] = future
        try:
            prepared = await self._guarded(lambda driver: driver.create_prepared(text))
        except BaseException:
            # others that wait prepare it themselves
            del self._prepared[text]
            future.set_exception(_NotPrepared())
            future.exception()
            raise
        future.set_result(prepared)
        return prepared

    async def _guarded(self, call: Callable[[Any], Awaitable[Any]]) -> Any:
        driver = self._driver
        if driver is None:
            raise self._not_connected()
        try:
            return await call(driver)
        except CassException as error:
            raise mapped(error) from error

    def _not_connected(self) -> TemporaryFailure:
        return TemporaryFailure(f"Cassandra is not connected{self._reason and ': '}{self._reason}")


Prepare = Callable[[CassandraSession], Awaitable[None]]
"""What is done with a new connection before it is used."""


class _NotPrepared(Exception):
    pass


def _check_timestamp(text: str) -> None:
    if " TIMESTAMP " not in text:
        raise ValueError(f"a write needs a condition or a timestamp: {text}")


def _outcome(result: Any) -> Outcome:
    rows = [row.as_dict() for row in result]
    if rows and rows[0].pop("[applied]"):
        return Outcome(applied=True)
    for row in rows[1:]:
        row.pop("[applied]")
    return Outcome(applied=False, rows=rows)


def _keyspace(settings: CassandraSettings) -> str:
    if settings.local_datacenter:
        replication = (
            f"{{'class': 'NetworkTopologyStrategy', '{settings.local_datacenter}': {settings.replication_factor}}}"
        )
    else:
        replication = f"{{'class': 'SimpleStrategy', 'replication_factor': {settings.replication_factor}}}"
    return f"CREATE KEYSPACE IF NOT EXISTS {settings.keyspace} WITH replication = {replication}"


def _options(settings: CassandraSettings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "port": settings.hosts[0].port,
        "connect_timeout": settings.connect_seconds,
        "request_timeout": settings.request_seconds,
        "consistency": "LOCAL_QUORUM",
        "serial_consistency": "LOCAL_SERIAL",
        "retry_policy": "fallthrough",
        "exponential_reconnect_base_delay_ms": _RECONNECT_FIRST_MILLISECONDS,
        "exponential_reconnect_max_delay_ms": _RECONNECT_LAST_MILLISECONDS,
        "core_connections_per_host": settings.connections_per_host,
        "coalesce_delay_us": 0,
        # the driver logs an error about shards, which only another database has, for each connection
        "log_level": "critical",
        "application_name": "compostela",
    }
    if settings.user:
        options |= {"username": settings.user, "password": settings.password}
    if settings.local_datacenter:
        options["load_balance_dc_aware"] = settings.local_datacenter
    return options


def _tls_options(settings: CassandraSettings, tls: CassandraTls, loaded: PemTexts) -> dict[str, Any]:
    flags = acsylla.SSLVerifyFlags
    # the driver compares the address with the certificate, or looks up the name of the address and compares that
    by_name = tls.verify_name and not all(host.is_address for host in settings.hosts)
    identity = flags.PEER_IDENTITY_DNS if by_name else flags.PEER_IDENTITY
    return {
        "ssl_enabled": True,
        "ssl_trusted_cert": loaded.trusted or None,
        "ssl_cert": loaded.chain or None,
        "ssl_private_key": loaded.key or None,
        "ssl_verify_flags": identity if tls.verify_name else flags.PEER_CERT,
        "hostname_resolution": by_name,
    }
