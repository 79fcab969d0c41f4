"""/servers/channels and /servers/connectedUsers: open connections, on all processes of the server."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.clock import as_datetime
from compostela.base.errors import InvalidArgument
from compostela.core.connections.model import Channel
from compostela.core.connections.service import Connections
from compostela.model.username import Username
from compostela.web.webadmin.errors import invalid
from compostela.web.webadmin.json import JsonResponse, body_bytes, decoded, no_content
from compostela.web.webadmin.parameters import chosen_of, limit_of, offset_of, username_of

MAX_USERS = 10_000
"""Of one request."""
_DETAILS = "protocolSpecificInformation"


class ConnectionRoutes:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def routes(self) -> list[Route]:
        return [
            Route("/servers/channels", self.list, methods=["GET"]),
            Route("/servers/channels", self.end, methods=["DELETE"]),
            Route("/servers/channels/{username}", self.list_of_user, methods=["GET"]),
            Route("/servers/channels/{username}", self.end_of_user, methods=["DELETE"]),
            Route("/servers/connectedUsers", self.users, methods=["GET"]),
        ]

    async def list(self, request: Request) -> Response:
        """The open connections, the oldest first. `sortBy` names a field, or `protocolSpecificInformation.<field>`;
        `sortDirection` is `asc` or `desc`, `sortType` `alphabetical` or `numerical`; `offset` and `limit` cut the list."""
        return _listed(request, await self._connections.channels())

    async def list_of_user(self, request: Request) -> Response:
        """The open connections of a user, as above."""
        return _listed(request, await self._connections.channels(username_of(request)))

    async def users(self, _: Request) -> Response:
        """The users that are logged in, each once."""
        return JsonResponse(await self._connections.users())

    async def end(self, request: Request) -> Response:
        """Ends the connections of the users in the body, an array of names; without a body all connections."""
        body = await body_bytes(request)
        await self._connections.disconnect(_users_of(body) if body.strip() else None)
        return no_content()

    async def end_of_user(self, request: Request) -> Response:
        """Ends the connections of a user."""
        await self._connections.disconnect([username_of(request)])
        return no_content()


def _users_of(body: bytes) -> list[Username]:
    names = decoded(body, list[str])
    if len(names) > MAX_USERS:
        raise invalid(f"At most {MAX_USERS} users at once")
    try:
        return [Username.parse(name) for name in names]
    except InvalidArgument as wrong:
        raise invalid(str(wrong)) from wrong


def _listed(request: Request, channels: list[Channel]) -> Response:
    documents = [_document(one) for one in channels]
    if by := request.query_params.get("sortBy"):
        is_numerical = _choice(request, "sortType", ("alphabetical", "numerical")) == "numerical"
        is_descending = _choice(request, "sortDirection", ("asc", "desc")) == "desc"
        documents.sort(key=_key(by, is_numerical=is_numerical), reverse=is_descending)
    offset, limit = offset_of(request), limit_of(request)
    return JsonResponse(documents[offset : None if limit is None else offset + limit])


def _choice(request: Request, name: str, known: tuple[str, str]) -> str:
    """The first one by default."""
    return chosen_of(request, name, known) if name in request.query_params else known[0]


def _key(by: str, *, is_numerical: bool) -> Callable[[dict[str, Any]], tuple[float, str]]:
    """A field that a connection does not have sorts as empty, a text that is no number as 0."""

    def key(document: dict[str, Any]) -> tuple[float, str]:
        group, _, name = by.partition(".")
        value = document[_DETAILS].get(name) if group == _DETAILS else document.get(by)
        text = "" if value is None else str(value)
        if not is_numerical:
            return 0.0, text
        try:
            return float(text), ""
        except ValueError:
            return 0.0, ""

    return key


def _document(one: Channel) -> dict[str, Any]:
    return {
        "protocol": one.protocol,
        "endpoint": one.endpoint,
        "remoteAddress": one.remote_address,
        "connectionDate": as_datetime(one.connected_at).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "isActive": one.is_active,
        "isOpen": True,
        "isWritable": one.is_writable,
        "isEncrypted": one.is_encrypted,
        "username": one.username,
        _DETAILS: one.details,
    }
