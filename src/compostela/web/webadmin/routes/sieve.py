"""/sieve: quotas of scripts, the scripts of users, and global ones."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.errors import QuotaExceeded
from compostela.core.sieve.model import ScriptIsActive
from compostela.core.sieve.service import SieveService
from compostela.core.users.service import UsersRepository
from compostela.model.username import Username
from compostela.web.webadmin.errors import conflict, invalid
from compostela.web.webadmin.json import JsonResponse, body_bytes, no_content
from compostela.web.webadmin.parameters import boolean_of, username_of
from compostela.web.webadmin.routes.users import check_user

MAX_QUOTA = 2**63 - 1


class SieveRoutes:
    def __init__(self, users: UsersRepository, sieve: SieveService) -> None:
        self._users = users
        self._sieve = sieve

    def routes(self) -> list[Route]:
        default, own = "/sieve/quota/default", "/sieve/quota/users/{username}"
        scripts = "/sieve/{username}/scripts"
        return [
            Route(default, self.quota, methods=["GET"]),
            Route(default, self.set_quota, methods=["PUT"]),
            Route(default, self.remove_quota, methods=["DELETE"]),
            Route(own, self.quota, methods=["GET"]),
            Route(own, self.set_quota, methods=["PUT"]),
            Route(own, self.remove_quota, methods=["DELETE"]),
            Route(scripts, self.list, methods=["GET"]),
            Route(scripts + "/{name}", self.get, methods=["GET"]),
            Route(scripts + "/{name}", self.put, methods=["PUT"]),
            Route(scripts + "/{name}", self.delete, methods=["DELETE"]),
            Route("/sieve/{username}/active/{name}", self.activate, methods=["PUT"]),
            Route("/sieve/{username}/active", self.deactivate, methods=["DELETE"]),
            Route("/sieve/check", self.check, methods=["POST"]),
            Route("/sieve/scripts/global", self.list_global, methods=["GET"]),
            Route("/sieve/scripts/global/{name}", self.get_global, methods=["GET"]),
            Route("/sieve/scripts/global/{name}", self.put_global, methods=["PUT"]),
            Route("/sieve/scripts/global/{name}", self.delete_global, methods=["DELETE"]),
        ]

    async def quota(self, request: Request) -> Response:
        """The octets that the scripts of a user, or of each user, may take; 204 when not set."""
        quota = await self._sieve.quota(await self._owner(request))
        return no_content() if quota is None else JsonResponse(quota)

    async def set_quota(self, request: Request) -> Response:
        """Sets the quota to the number of the body, in octets."""
        owner = await self._owner(request)
        text = (await body_bytes(request)).decode("ascii", "replace").strip()
        if not text.isdigit() or len(text) > 19 or int(text) > MAX_QUOTA:
            raise invalid(f"the quota must be a number of octets from 0 to {MAX_QUOTA}")
        await self._sieve.set_quota(owner, int(text))
        return no_content()

    async def remove_quota(self, request: Request) -> Response:
        """Removes the quota."""
        await self._sieve.set_quota(await self._owner(request), None)
        return no_content()

    async def list(self, request: Request) -> Response:
        """Names, sizes in octets, and which script is active."""
        entries = await self._sieve.scripts(await self._user(request))
        return JsonResponse([{"name": one.name, "size": one.size, "active": one.is_active} for one in entries])

    async def get(self, request: Request) -> Response:
        """The text of a script."""
        text = await self._sieve.text(await self._user(request), request.path_params["name"])
        return Response(text, media_type="application/sieve")

    async def put(self, request: Request) -> Response:
        """Stores the script of the body, which must be valid; with `activate=true` it is the active one from then on."""
        user = await self._user(request)
        activate = bool(boolean_of(request, "activate", default=False))
        try:
            await self._sieve.put(user, request.path_params["name"], await body_bytes(request), activate=activate)
        except QuotaExceeded as error:
            raise invalid(str(error)) from error
        return no_content()

    async def delete(self, request: Request) -> Response:
        """Removes a script; 409 for the active one."""
        try:
            await self._sieve.delete(await self._user(request), request.path_params["name"])
        except ScriptIsActive as error:
            raise conflict(str(error)) from error
        return no_content()

    async def activate(self, request: Request) -> Response:
        """Makes a script the active one."""
        await self._sieve.activate(await self._user(request), request.path_params["name"])
        return no_content()

    async def deactivate(self, request: Request) -> Response:
        """Leaves no script active."""
        await self._sieve.activate(await self._user(request), None)
        return no_content()

    async def check(self, request: Request) -> Response:
        """Checks the script of the body: 200 with its warnings, or 400 with its errors."""
        warnings = await self._sieve.check(await body_bytes(request))
        return JsonResponse([{"line": one.line, "column": one.column, "message": one.message} for one in warnings])

    async def list_global(self, _: Request) -> Response:
        """Names and sizes in octets of the scripts that those of all users may include."""
        return JsonResponse([{"name": one.name, "size": one.size} for one in await self._sieve.global_scripts()])

    async def get_global(self, request: Request) -> Response:
        """The text of a global script."""
        text = await self._sieve.global_text(request.path_params["name"])
        return Response(text, media_type="application/sieve")

    async def put_global(self, request: Request) -> Response:
        """Stores the script of the body, which must be valid, for `include :global`."""
        try:
            await self._sieve.put_global(request.path_params["name"], await body_bytes(request))
        except QuotaExceeded as error:
            raise invalid(str(error)) from error
        return no_content()

    async def delete_global(self, request: Request) -> Response:
        """Removes a global script. Scripts that include it fail from then on."""
        await self._sieve.delete_global(request.path_params["name"])
        return no_content()

    async def _owner(self, request: Request) -> Username | None:
        return await self._user(request) if "username" in request.path_params else None

    async def _user(self, request: Request) -> Username:
        user = username_of(request)
        await check_user(self._users, user)
        return user
