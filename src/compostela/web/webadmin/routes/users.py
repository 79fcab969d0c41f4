"""/users: accounts and their passwords."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.users.service import UsersRepository
from compostela.model.username import Username
from compostela.web.webadmin.errors import ApiError, conflict, invalid, not_found
from compostela.web.webadmin.json import JsonResponse, no_content, read_json
from compostela.web.webadmin.parameters import username_of


class _Password(msgspec.Struct, forbid_unknown_fields=True):
    password: str


class UserRoutes:
    def __init__(self, users: UsersRepository, rewriting: RecipientRewriteTable) -> None:
        self._users = users
        self._rewriting = rewriting

    def routes(self) -> list[Route]:
        return [
            Route("/users", self.list, methods=["GET"]),
            Route("/users/{username}", self.put, methods=["PUT"]),
            Route("/users/{username}", self.exists, methods=["HEAD"]),
            Route("/users/{username}", self.remove, methods=["DELETE"]),
            Route("/users/{username}/verify", self.verify, methods=["POST"]),
            Route("/users/{username}/allowedFromHeaders", self.allowed_from, methods=["GET"]),
        ]

    async def list(self, _: Request) -> Response:
        """All users."""
        return JsonResponse([{"username": str(user)} async for user in self._users.names()])

    async def put(self, request: Request) -> Response:
        """Makes a user with the `password` of the body; with `force`, sets the password of one that exists. 409 when the address
        is an alias, a group or a forward."""
        user = username_of(request)
        password = await self._password(request)
        if not await self._users.contains(user):
            await self._rewriting.check_free(user)
            await self._users.add(user, password)
        elif "force" in request.query_params:
            await self._users.set_password(user, password)
        else:
            raise conflict(f"User already exists: {user}")
        return no_content()

    async def exists(self, request: Request) -> Response:
        """200 when there is such a user, otherwise 404."""
        return Response(status_code=200 if await self._users.contains(username_of(request)) else 404)

    async def remove(self, request: Request) -> Response:
        """Removes a user; the mailboxes stay."""
        await self._users.remove(username_of(request))
        return no_content()

    async def verify(self, request: Request) -> Response:
        """204 when the `password` of the body is right, otherwise 401."""
        if await self._users.verify(username_of(request), await self._password(request)):
            return no_content()
        raise ApiError(401, "Unauthorized", "Invalid credentials")

    async def allowed_from(self, request: Request) -> Response:
        """Addresses that the user may send as."""
        user = username_of(request)
        await check_user(self._users, user)
        return JsonResponse(sorted(str(address) for address in await self._rewriting.addresses_of(user)))

    async def _password(self, request: Request) -> str:
        password = (await read_json(request, _Password)).password
        if not password:
            raise invalid("The password must not be empty")
        return password


async def check_user(users: UsersRepository, user: Username) -> None:
    """404 for a user that does not exist."""
    if not await users.contains(user):
        raise not_found(f"The user {user} does not exist")
