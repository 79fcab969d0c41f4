"""/servers: the running servers of all protocols."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.web.webadmin.errors import ApiError, invalid
from compostela.web.webadmin.json import no_content

ReloadCertificates = Callable[[int | None], Awaitable[int]]
"""Reads certificates again, of the server on a port or of all; gives how many servers that were. Raises `InvalidArgument` when
files are wrong; then the old certificates stay in force."""


class ServerRoutes:
    def __init__(self, reload_certificates: ReloadCertificates) -> None:
        self._reload_certificates = reload_certificates

    def routes(self) -> list[Route]:
        return [Route("/servers", self.change, methods=["POST"])]

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
