"""The administration API as one ASGI application."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from compostela.web.webadmin.authentication import AuthenticationMiddleware, Passwords
from compostela.web.webadmin.error_handlers import HANDLERS
from compostela.web.webadmin.route_group import RouteGroup
from compostela.web.webadmin.settings import WebAdminSettings
from compostela.web.webadmin.slashes import SlashesInNames


def create_application(groups: Sequence[RouteGroup], settings: WebAdminSettings, passwords: Passwords) -> Starlette:
    """All routes require authentication, but those that `AuthenticationMiddleware` leaves open."""
    routes = [route for group in groups for route in group.routes()]
    return Starlette(
        routes=[*routes, Route("/{path:path}", _options, methods=["OPTIONS"])],
        middleware=_middleware(settings, passwords),
        exception_handlers=HANDLERS,
    )


def _middleware(settings: WebAdminSettings, passwords: Passwords) -> Sequence[Middleware]:
    authentication = Middleware(AuthenticationMiddleware, passwords=passwords)
    if settings.cors_enabled:
        return [Middleware(CorsMiddleware, origin=settings.cors_origin), authentication, Middleware(SlashesInNames)]
    return [authentication, Middleware(SlashesInNames)]


async def _options(request: Request) -> Response:
    echoed = {"Access-Control-Request-Headers": "Allow-Headers", "Access-Control-Request-Method": "Allow-Methods"}
    headers = {answer: request.headers[name] for name, answer in echoed.items() if name in request.headers}
    return Response(status_code=200, headers={f"Access-Control-{name}": value for name, value in headers.items()})


class CorsMiddleware:
    """Adds James's three headers to every answer."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self._app = app
        self._headers = [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-request-method", b"DELETE, GET, POST, PUT"),
            (b"access-control-allow-headers", b"Content-Type, Authorization, Accept"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
