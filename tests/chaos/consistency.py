"""James's consistency tasks and the comparison of logs with pages, which must find nothing after the run."""

import asyncio
import time
from typing import Any

import aiohttp

from tests.chaos.cluster import Node
from tests.chaos.web_clients import ask, web

OFFLINE = {"I-KNOW-WHAT-I-M-DOING": "ALL-SERVICES-ARE-OFFLINE"}
"""James's header. The nodes go on: the tasks run beside normal work."""
TASK_SECONDS = 120.0
"""For each replica: each is asked for all tables."""
POLL_SECONDS = 0.5
TASKS = (
    "/mailboxes?task=SolveInconsistencies",
    "/mailboxes?task=RecomputeMailboxCounters",
    "/mailboxes?task=SolveMessageDeletedInconsistencies",
    "/mailboxes?task=SolveMessageRecentInconsistencies",
    "/mailboxes?task=CompareLogs",
    # at full speed: by default the task takes a second for each hundred messages
    "/messages?task=SolveInconsistencies&messagesPerSecond=10000",
    "/cassandra/mappings?action=SolveInconsistencies",
)
NOTHING = (
    "fixedInconsistencies", "conflictingEntries", "errors", "failedMailboxes", "addedMessageIdEntries", "removedMessageIdEntries",
    "errorMappingsCount", "differences",
)  # fmt: skip
"""Items of a report that must be empty or 0."""


async def inconsistencies(node: Node, replicas: int) -> list[str]:
    """What the tasks have found and mended. Counters that were wrong are not in a report: compare what nodes show before and after."""
    found = []
    async with web(node.server.web, OFFLINE) as http:
        for path in TASKS:
            started = await ask(http, "POST", path)
            assert isinstance(started, dict)
            report = await _ended(http, f"/tasks/{started['taskId']}", TASK_SECONDS * replicas)
            if report["status"] != "completed":
                found.append(f"POST {path} {report['status']}: {report}")
            told = report.get("additionalInformation") or {}
            found += [f"POST {path} tells {name}: {told[name]}" for name in NOTHING if told.get(name)]
    return found


async def _ended(http: aiohttp.ClientSession, task: str, seconds: float) -> dict[str, Any]:  # Any: JSON
    """The report of a task when it has ended, or after that time."""
    end = time.monotonic() + seconds
    while True:
        report = await ask(http, "GET", task)
        assert isinstance(report, dict)
        if report["status"] not in ("waiting", "inProgress") or time.monotonic() > end:
            return report
        await asyncio.sleep(POLL_SECONDS)
