"""James's consistency tasks and the comparison of logs with pages, which must find nothing after the run."""

from tests.chaos.cluster import Node
from tests.chaos.web_clients import ask, web

OFFLINE = {"I-KNOW-WHAT-I-M-DOING": "ALL-SERVICES-ARE-OFFLINE"}
"""James's header. The nodes go on: the tasks run beside normal work."""
TASKS = (
    "/mailboxes?task=SolveInconsistencies",
    "/mailboxes?task=RecomputeMailboxCounters",
    "/mailboxes?task=SolveMessageDeletedInconsistencies",
    "/mailboxes?task=SolveMessageRecentInconsistencies",
    "/mailboxes?task=CompareLogs",
    "/messages?task=SolveInconsistencies",
    "/cassandra/mappings?action=SolveInconsistencies",
)
NOTHING = (
    "fixedInconsistencies", "conflictingEntries", "errors", "failedMailboxes", "addedMessageIdEntries", "removedMessageIdEntries",
    "errorMappingsCount", "differences",
)  # fmt: skip
"""Items of a report that must be empty or 0."""


async def inconsistencies(node: Node) -> list[str]:
    """What the tasks have found and mended. Counters that were wrong are not in a report: compare what nodes show before and after."""
    found = []
    async with web(node.server.web, OFFLINE) as http:
        for path in TASKS:
            started = await ask(http, "POST", path)
            assert isinstance(started, dict)
            report = await ask(http, "GET", f"/tasks/{started['taskId']}/await")
            assert isinstance(report, dict)
            if report["status"] != "completed":
                found.append(f"POST {path} {report['status']}: {report}")
            told = report.get("additionalInformation") or {}
            found += [f"POST {path} tells {name}: {told[name]}" for name in NOTHING if told.get(name)]
    return found
