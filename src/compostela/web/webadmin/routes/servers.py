"""/servers: the running servers of all protocols."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.siblings import RestartRefused, Siblings
from compostela.web.webadmin.errors import ApiError, invalid
from compostela.web.webadmin.json import JsonResponse, no_content

ReloadCertificates = Callable[[int | None], Awaitable[int]]
"""Reads certificates again, of the server on a port or of all; gives how many servers that were. Raises `InvalidArgument` when
files are wrong; then the old certificates stay in force."""


class ServerRoutes:
    def __init__(self, reload_certificates: ReloadCertificates, siblings: Siblings) -> None:
        self._reload_certificates = reload_certificates
        self._siblings = siblings

    def routes(self) -> list[Route]:
        return [
            Route("/servers", self.change, methods=["POST"]),
            Route("/servers/restart", self.last_restart, methods=["GET"]),
            Route("/servers/restart", self.restart, methods=["POST"]),
        ]

    async def restart(self, _: Request) -> Response:
        """Put new worker processes, with the configuration and code that are there now, in the place of all. 202 with its `number`
        when the configuration is right: the present workers end when the new ones are ready. 409 with the reason otherwise, or when
        the server has no workers."""
        try:
            await self._siblings.restart()
        except RestartRefused as refused:
            raise ApiError(409, "WrongState", str(refused)) from refused
        return JsonResponse({"number": self._siblings.last_restart.number}, status_code=202)

    async def last_restart(self, _: Request) -> Response:
        """The last rolling restart that began: `number` (0 if there was none), `isOver`, and `problem` if it was given up."""
        last = self._siblings.last_restart
        return JsonResponse({"number": last.number, "isOver": last.is_over, "problem": last.problem})

    async def change(self, request: Request) -> Response:
        """With `reload-certificate`, reads the certificates of all servers with TLS again, or with `port` those of one; 400 when there is
        no such server, or when the files are wrong: then the old ones stay."""
        if "reload-certificate" not in request.query_params:
            raise invalid("'reload-certificate' query parameter shall be specified")
        if not await self._reload_certificates(_port_of(request)):
            raise ApiError(400, "notFound", "No server with TLS, or none on this port")
        return no_content()


def _port_of(request: Request) -> int | None:
    text = request.query_params.get("port")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise invalid("port must be a number between 1 and 65535")
    return int(text)
