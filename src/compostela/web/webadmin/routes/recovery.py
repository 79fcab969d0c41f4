"""/recovery: messages that come back from their copies."""

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.errors import InvalidArgument
from compostela.core.recovery.tasks import CONCURRENCY, MAX_CONCURRENCY, RestoreMessages, RestoreMessagesTask
from compostela.core.tasks.service import Tasks
from compostela.web.webadmin.errors import invalid
from compostela.web.webadmin.parameters import positive_of, time_of
from compostela.web.webadmin.tasks import submitted

_PREFIX = re.compile(r"[0-9a-f]{0,31}\Z", re.ASCII)


class RecoveryRoutes:
    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def routes(self) -> list[Route]:
        return [Route("/recovery", self.restore, methods=["POST"])]

    async def restore(self, request: Request) -> Response:
        """A task that puts messages which the database has lost back into their mailboxes, or into `Restored-messages` of their owners
        where no mailbox has the name, from their recovery copies. `restoreAfter` chooses copies that were written since (an ISO date and time with its zone), `headerBlobPrefix` messages
        whose ids begin with these hexadecimal digits, and `concurrency` how many are restored at once. 400 in an edition without
        copies."""
        prefix = request.query_params.get("headerBlobPrefix", "")
        if not _PREFIX.match(prefix):
            raise invalid("headerBlobPrefix must be at most 31 hexadecimal digits in lower case")
        concurrency = positive_of(request, "concurrency", CONCURRENCY)
        if concurrency > MAX_CONCURRENCY:
            raise invalid(f"concurrency must be at most {MAX_CONCURRENCY}")
        try:
            self._tasks.types.runner(RestoreMessagesTask.name)
        except InvalidArgument:
            raise invalid("this edition writes no recovery copies") from None
        arguments = RestoreMessages(time_of(request, "restoreAfter"), prefix, concurrency)
        return await submitted(self._tasks, RestoreMessagesTask.name, arguments)
