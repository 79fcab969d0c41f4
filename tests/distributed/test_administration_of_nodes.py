"""Connections and bans are those of the cluster, whichever node an administrator asks."""

import asyncio
import imaplib
import json
from collections.abc import Callable

import pytest

from compostela.adapters.in_process.bans import InProcessBans
from compostela.adapters.redis.bans import RedisBans
from compostela.base.clock import SystemClock
from compostela.core.authentication.failure_ports import Ban
from tests.distributed.node_calls import eventually, web
from tests.distributed.nodes import blob_settings, broker_uri, engine_files, node, redis_server
from tests.distributed.redis.server import RedisServer
from tests.server_process import ServerProcess

__all__ = ["blob_settings", "broker_uri", "engine_files", "node", "redis_server"]

ADDRESS = "192.0.2.7"
USER = "reader@example.org"
COMPARING = (
    "/mailboxes?task=SolveInconsistencies&maxIterations=2",
    "/mailboxes?task=RecomputeMailboxCounters",
    "/mailboxes?task=SolveMessageDeletedInconsistencies",
    "/messages?task=SolveInconsistencies&messagesPerSecond=1000",
    "/cassandra/mappings?action=SolveInconsistencies",
    "/mailQueues/spool?action=RepublishNotProcessedMails&olderThan=1h",
)
StartNode = Callable[[str], ServerProcess]


def connected(server: ServerProcess) -> list[str] | None:
    """None while the other nodes are not known."""
    status, body = web(server, "/servers/connectedUsers")
    return json.loads(body) if status == 200 else None


def test_a_connection_to_one_node_is_seen_and_ended_on_the_other(node: StartNode) -> None:
    first, second = node("first"), node("second")
    first.add_user(USER)
    imap = imaplib.IMAP4("127.0.0.1", first.imap)
    imap.login(USER, "secret")
    eventually(second, lambda: connected(second) == [USER])
    (channel,) = json.loads(web(second, f"/servers/channels/{USER}")[1])
    assert channel["protocol"] == "IMAP"
    assert web(second, f"/servers/channels/{USER}", "DELETE")[0] == 204
    with pytest.raises(imaplib.IMAP4.abort):
        imap.noop()
    imap.shutdown()
    eventually(second, lambda: connected(second) == [])


def test_a_ban_is_seen_and_lifted_on_each_node(node: StartNode, redis_server: RedisServer) -> None:
    first, second = node("first"), node("second")
    asyncio.run(ban(redis_server, ADDRESS))
    for server in (first, second):
        (found,) = json.loads(web(server, "/authentication/bans")[1])
        assert found["address"] == ADDRESS
    assert web(second, f"/authentication/bans/{ADDRESS}", "DELETE")[0] == 204
    assert json.loads(web(first, "/authentication/bans")[1]) == []


def test_tasks_that_compare_are_submitted_on_one_node_and_awaited_on_the_other(node: StartNode) -> None:
    first, second = node("first"), node("second")
    for path in COMPARING:
        status, body = web(first, path, "POST", {"I-KNOW-WHAT-I-M-DOING": "ALL-SERVICES-ARE-OFFLINE"})
        assert status == 201, body
        ended = json.loads(web(second, f"/tasks/{json.loads(body)['taskId']}/await")[1])
        assert ended["status"] == "completed", ended


async def ban(server: RedisServer, address: str) -> None:
    engine, clock = server.engine(), SystemClock()
    await RedisBans(engine, clock, InProcessBans(clock)).add(Ban(address, 20, clock.now() + 3600.0))
    await engine.close()
