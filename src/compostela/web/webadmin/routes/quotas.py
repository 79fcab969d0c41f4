"""/quota/users: the usage of users is taken anew."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.events.usage_tasks import QuotaComponent, RecomputeUsage, RecomputeUsageTask
from compostela.core.tasks.service import Tasks
from compostela.web.webadmin.errors import invalid
from compostela.web.webadmin.parameters import chosen_of, positive_of
from compostela.web.webadmin.tasks import submitted


class QuotaRoutes:
    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def routes(self) -> list[Route]:
        return [Route("/quota/users", self.users, methods=["POST"])]

    async def users(self, request: Request) -> Response:
        """A task on all users (`task`): `RecomputeCurrentQuotas` takes the number and size of each user's messages anew from his mailboxes,
        `usersPerSecond` at most. `quotaComponent` (`MAILBOX`, `SIEVE`, `JMAP_UPLOADS`; may be repeated; all without it) chooses what;
        only `MAILBOX` has a usage that is kept."""
        chosen_of(request, "task", ("RecomputeCurrentQuotas",))
        pace = positive_of(request, "usersPerSecond", 1)
        return await submitted(self._tasks, RecomputeUsageTask.name, RecomputeUsage(pace, _components(request)))


def _components(request: Request) -> tuple[QuotaComponent, ...]:
    known = [str(component) for component in QuotaComponent]
    named = dict.fromkeys(request.query_params.getlist("quotaComponent"))
    for name in named:
        if name not in known:
            raise invalid(
                f"Invalid value supplied for query parameter 'quotaComponent': {name}. Supported values are [{', '.join(known)}]"
            )
    return tuple(map(QuotaComponent, named or known))
