"""/sieve/lists: external lists of scripts (RFC 6134), of a user or of all users."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.errors import QuotaExceeded
from compostela.core.sieve.service import SieveService
from compostela.core.users.service import UsersRepository
from compostela.model.username import Username
from compostela.web.webadmin.errors import invalid
from compostela.web.webadmin.json import JsonResponse, no_content, read_json
from compostela.web.webadmin.parameters import username_of
from compostela.web.webadmin.routes.users import check_user


class SieveListRoutes:
    def __init__(self, users: UsersRepository, sieve: SieveService) -> None:
        self._users = users
        self._sieve = sieve

    def routes(self) -> list[Route]:
        return [
            route
            for owner in ("/sieve/lists/global", "/sieve/lists/users/{username}")
            for route in (
                Route(owner, self.names, methods=["GET"]),
                Route(owner + "/{name:path}", self.members, methods=["GET"]),
                Route(owner + "/{name:path}", self.put, methods=["PUT"]),
                Route(owner + "/{name:path}", self.delete, methods=["DELETE"]),
            )
        ]

    async def names(self, request: Request) -> Response:
        """The names of the lists, which are URIs. Every user has `:addrbook:default`."""
        return JsonResponse(await self._sieve.lists(await self._owner(request)))

    async def members(self, request: Request) -> Response:
        """The members of a list."""
        return JsonResponse(await self._sieve.members(await self._owner(request), request.path_params["name"]))

    async def put(self, request: Request) -> Response:
        """Makes the list of the texts in the body; one of this name is replaced."""
        owner = await self._owner(request)
        members = await read_json(request, list[str])
        try:
            await self._sieve.put_list(owner, request.path_params["name"], members)
        except QuotaExceeded as error:
            raise invalid(str(error)) from error
        return no_content()

    async def delete(self, request: Request) -> Response:
        """Removes a list."""
        await self._sieve.delete_list(await self._owner(request), request.path_params["name"])
        return no_content()

    async def _owner(self, request: Request) -> Username | None:
        if "username" not in request.path_params:
            return None
        user = username_of(request)
        await check_user(self._users, user)
        return user
