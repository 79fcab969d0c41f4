"""/users/{username}/authorizedUsers: the users that may act for a user."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.authentication.ports import DelegationStore
from compostela.core.users.service import UsersRepository
from compostela.model.username import Username
from compostela.web.webadmin.json import JsonResponse
from compostela.web.webadmin.parameters import username_of
from compostela.web.webadmin.routes.users import check_user


class DelegationRoutes:
    def __init__(self, users: UsersRepository, delegations: DelegationStore) -> None:
        self._users = users
        self._delegations = delegations

    def routes(self) -> list[Route]:
        path = "/users/{username}/authorizedUsers"
        return [
            Route(path, self.list, methods=["GET"]),
            Route(path, self.remove_all, methods=["DELETE"]),
            Route(path + "/{delegate}", self.add, methods=["PUT"]),
            Route(path + "/{delegate}", self.remove, methods=["DELETE"]),
        ]

    async def list(self, request: Request) -> Response:
        """Users who may log in as this one."""
        base = await self._base(request)
        return JsonResponse([str(user) for user in await self._delegations.delegates(base)])

    async def add(self, request: Request) -> Response:
        """Lets the delegate log in as the user, with the delegate's own password."""
        base = await self._base(request)
        await self._delegations.allow(base, username_of(request, "delegate"))
        return Response(status_code=200)

    async def remove(self, request: Request) -> Response:
        """Takes the right of one delegate away."""
        base = await self._base(request)
        await self._delegations.forbid(base, username_of(request, "delegate"))
        return Response(status_code=200)

    async def remove_all(self, request: Request) -> Response:
        """Takes the right of all delegates away."""
        base = await self._base(request)
        for delegate in await self._delegations.delegates(base):
            await self._delegations.forbid(base, delegate)
        return Response(status_code=200)

    async def _base(self, request: Request) -> Username:
        base = username_of(request)
        await check_user(self._users, base)
        return base
