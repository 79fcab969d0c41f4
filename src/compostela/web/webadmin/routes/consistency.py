"""Tasks that compare what is kept twice: /mailboxes, /messages and /cassandra/mappings.

Only an edition that keeps something twice has them. The others answer 400.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.errors import InvalidArgument
from compostela.core.mailbox.consistency import (
    COMPARE_LOGS,
    MESSAGES_PER_SECOND,
    RECOMPUTE_COUNTERS,
    SOLVE_FLAGS,
    SOLVE_MAILBOXES,
    SOLVE_MAPPINGS,
    SOLVE_MESSAGES,
    CompareLogs,
    CompareMode,
    CountedFlag,
    RecomputeCounters,
    SolveFlags,
    SolveMailboxes,
    SolveMappings,
    SolveMessages,
)
from compostela.core.tasks.service import Tasks
from compostela.web.webadmin.errors import invalid
from compostela.web.webadmin.parameters import boolean_of, chosen_of, positive_of
from compostela.web.webadmin.tasks import submitted

CONFIRMATION = "I-KNOW-WHAT-I-M-DOING"
CONFIRMED = "ALL-SERVICES-ARE-OFFLINE"
_MAILBOX_TASKS = (
    "SolveInconsistencies",
    "RecomputeMailboxCounters",
    "SolveMessageDeletedInconsistencies",
    "SolveMessageRecentInconsistencies",
    "CompareLogs",
)


class ConsistencyRoutes:
    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def routes(self) -> list[Route]:
        return [
            Route("/mailboxes", self.mailboxes, methods=["POST"]),
            Route("/messages", self.messages, methods=["POST"]),
            Route("/cassandra/mappings", self.mappings, methods=["POST"]),
        ]

    async def mailboxes(self, request: Request) -> Response:
        """A task on all mailboxes (`task`): `SolveInconsistencies` compares names and mailboxes, with James's header
        `I-KNOW-WHAT-I-M-DOING: ALL-SERVICES-ARE-OFFLINE` (needed; the servers may stay up) and `maxIterations`;
        `RecomputeMailboxCounters`,
        `SolveMessageDeletedInconsistencies` and `SolveMessageRecentInconsistencies` count messages. `autoMerge` and
        `trustMessageProjection` are accepted and reported. `CompareLogs`, which James has not, carries the kept log of each mailbox out again,
        compares the result with what is stored and reports the differences; with `mode=repair` (default: `report`) it also writes anew what the log
        tells to be wrong."""
        match chosen_of(request, "task", _MAILBOX_TASKS):
            case "SolveInconsistencies":
                if request.headers.get(CONFIRMATION) != CONFIRMED:
                    raise invalid(
                        f"Due to concurrency risks, a `{CONFIRMATION}` header should be positioned to `{CONFIRMED}`"
                    )
                iterations = positive_of(request, "maxIterations", 1)
                is_merging = bool(boolean_of(request, "autoMerge", default=False))
                return await self._submitted(SOLVE_MAILBOXES, SolveMailboxes(iterations, is_merging))
            case "RecomputeMailboxCounters":
                is_trusting = bool(boolean_of(request, "trustMessageProjection", default=False))
                return await self._submitted(RECOMPUTE_COUNTERS, RecomputeCounters(is_trusting))
            case "SolveMessageDeletedInconsistencies":
                return await self._submitted(SOLVE_FLAGS, SolveFlags(CountedFlag.DELETED))
            case "SolveMessageRecentInconsistencies":
                return await self._submitted(SOLVE_FLAGS, SolveFlags(CountedFlag.RECENT))
            case _:
                mode = CompareMode.REPORT
                if "mode" in request.query_params:
                    mode = CompareMode(chosen_of(request, "mode", tuple(CompareMode)))
                return await self._submitted(COMPARE_LOGS, CompareLogs(mode))

    async def messages(self, request: Request) -> Response:
        """A task that compares messages and the places where they are noted (`task=SolveInconsistencies`), `messagesPerSecond` at
        most."""
        chosen_of(request, "task", ("SolveInconsistencies",))
        pace = positive_of(request, "messagesPerSecond", MESSAGES_PER_SECOND)
        return await self._submitted(SOLVE_MESSAGES, SolveMessages(pace))

    async def mappings(self, request: Request) -> Response:
        """A task that compares mappings with the sources of their targets (`action=SolveInconsistencies`)."""
        chosen_of(request, "action", ("SolveInconsistencies",))
        return await self._submitted(SOLVE_MAPPINGS, SolveMappings())

    async def _submitted(self, name: str, arguments: object) -> Response:
        try:
            self._tasks.types.runner(name)
        except InvalidArgument:
            raise invalid("this edition keeps nothing twice: there is nothing to compare") from None
        return await submitted(self._tasks, name, arguments)
