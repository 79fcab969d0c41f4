"""The way to Redis: bounded in time, and left alone for a while after a failure.

A call that changes something is one script, which Redis runs whole, on keys of one slot: so it is atomic in a cluster too. A call
ends within the time limit. After a failure no call waits for Redis until a pause is over.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from compostela.adapters.redis.settings import RedisSettings, Topology
from compostela.base.errors import TemporaryFailure

MAX_CONNECTIONS = 64
"""Open at once by this process; a call beyond that fails as if Redis were away, and is counted in the process."""
SCAN_SECONDS = 10.0
"""The longest that forgetting all keys takes: an administrator waits for it."""
SCAN_BATCH = 1000

Argument = bytes | str | int | float
Client = Redis | RedisCluster


class RedisEngine:
    """Connections are made at the first call."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._client: Client | None = None
        self._sentinel: Sentinel | None = None
        self._connecting = asyncio.Lock()
        self._away_until = 0.0

    async def run(self, script: str, key: str, *arguments: Argument) -> object:
        """The result of a Lua script that uses this key, or keys of the same hash tag. Raises `TemporaryFailure`."""
        return await self._call(lambda client: client.eval(script, 1, key, *arguments))

    async def read(self, name: str, key: str, *arguments: Argument) -> object:
        """The result of one command on one key. Raises `TemporaryFailure`."""
        return await self._call(lambda client: client.execute_command(name, key, *arguments))

    async def check(self) -> None:
        """Raises `TemporaryFailure` when Redis gives no answer. Asks also during the pause after a failure."""
        self._away_until = 0.0
        await self._call(lambda client: client.ping())

    async def forget_keys(self, prefix: str) -> None:
        """Removes the keys that are there now. Raises `TemporaryFailure`."""

        async def remove(client: Client) -> None:
            async for key in client.scan_iter(match=f"{prefix}*", count=SCAN_BATCH):
                await client.unlink(key)

        await self._call(remove, SCAN_SECONDS)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
        sentinel, self._sentinel = self._sentinel, None
        if sentinel is not None:
            for one in sentinel.sentinels:
                await one.aclose()

    async def _call(self, ask: Callable[[Client], Awaitable[object]], seconds: float = 0.0) -> object:
        if time.monotonic() < self._away_until:
            raise TemporaryFailure("Redis was away a moment ago")
        try:
            async with asyncio.timeout(seconds or self._settings.timeout_seconds):
                return await ask(await self._connected())
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until = time.monotonic() + self._settings.retry_seconds
            if self._settings.topology is Topology.MASTER_REPLICA:
                # another server may be the master by now
                await self.close()
            raise TemporaryFailure(f"Redis cannot be asked: {error or type(error).__name__}") from error

    async def _connected(self) -> Client:
        if self._client is None:
            async with self._connecting:
                if self._client is None:
                    self._client = await self._made()
        return self._client

    async def _made(self) -> Client:
        address = self._settings.address
        options = self._options()
        match self._settings.topology:
            case Topology.CLUSTER:
                return RedisCluster(startup_nodes=[ClusterNode(*server) for server in address.servers], **options)
            case Topology.SENTINEL:
                self._sentinel = Sentinel(
                    list(address.servers),
                    sentinel_kwargs={
                        "password": self._settings.sentinel_password,
                        "socket_timeout": self._settings.timeout_seconds,
                    },
                    db=address.database,
                    **options,
                )
                master: Redis = self._sentinel.master_for(address.sentinel_master or "")
                return master
            case Topology.MASTER_REPLICA:
                for host, port in address.servers:
                    client = Redis(host=host, port=port, db=address.database, **options)
                    try:
                        if (await client.execute_command("ROLE"))[0] == b"master":
                            return client
                    except (RedisError, OSError):
                        pass  # the next one may be the master
                    await client.aclose()
                raise ConnectionError("none of the servers is the master")
            case Topology.STANDALONE:
                host, port = address.servers[0]
                return Redis(host=host, port=port, db=address.database, **options)

    def _options(self) -> dict[str, Any]:
        """Any: the driver's keyword arguments are of many types."""
        settings = self._settings
        options: dict[str, Any] = {
            "username": settings.address.username,
            "password": settings.address.password,
            "socket_timeout": settings.timeout_seconds,
            "socket_connect_timeout": settings.timeout_seconds,
            "max_connections": MAX_CONNECTIONS,
            # a script that is sent again would count twice; callers do not wait for one that is away
            "retry": Retry(NoBackoff(), 0),
        }
        if settings.is_encrypted:
            options |= {
                "ssl": True,
                "ssl_cert_reqs": ssl.CERT_REQUIRED if settings.is_certificate_checked else ssl.CERT_NONE,
                "ssl_check_hostname": settings.is_certificate_checked,
                "ssl_certfile": settings.client_certificate,
                "ssl_keyfile": settings.client_certificate,
                "ssl_password": settings.client_certificate_password,
            }
        return options
