"""/authentication/bans: addresses that are shut out after failed logins."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.clock import as_datetime
from compostela.base.errors import InvalidArgument
from compostela.core.authentication.throttle import Throttle
from compostela.web.webadmin.errors import invalid, not_found
from compostela.web.webadmin.json import JsonResponse, no_content


class BanRoutes:
    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle

    def routes(self) -> list[Route]:
        return [
            Route("/authentication/bans", self.list, methods=["GET"]),
            Route("/authentication/bans", self.clear_all, methods=["DELETE"]),
            Route("/authentication/bans/{address:path}", self.clear, methods=["DELETE"]),
        ]

    async def list(self, _: Request) -> Response:
        """Addresses that are shut out on this node, with the number of failed logins and the end of the ban."""
        return JsonResponse(
            [
                {
                    "address": ban.address,
                    "failures": ban.failures,
                    "until": as_datetime(ban.until).isoformat(timespec="seconds").replace("+00:00", "Z"),
                }
                for ban in await self._throttle.bans()
            ]
        )

    async def clear_all(self, _: Request) -> Response:
        """Lets all in again and forgets what was counted."""
        await self._throttle.clear()
        return no_content()

    async def clear(self, request: Request) -> Response:
        """Lift the ban of an address, or of its IPv6 /64 network; 404 if it is not banned."""
        address = request.path_params["address"]
        try:
            found = await self._throttle.clear(address)
        except InvalidArgument as error:
            raise invalid(str(error)) from error
        if not found:
            raise not_found(f"{address} is not shut out")
        return no_content()
