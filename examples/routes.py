"""Routes of one's own in the administration API. In `webadmin.properties`:

extensions.routes = examples.routes.QueueSizes
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from compostela.core.extension_parts import ExtensionParts
from compostela.web.webadmin.errors import not_found


class QueueSizes:
    """`GET /office/queues/{name}`: how many mails are in a queue, for a display in the office."""

    def __init__(self, parts: ExtensionParts) -> None:
        self._queues = parts.queues

    def routes(self) -> list[Route]:
        return [Route("/office/queues/{name}", self.size, methods=["GET"])]

    async def size(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in await self._queues.names():
            raise not_found(f"There is no queue {name}")
        return JSONResponse({"mails": await self._queues.queue(name).size()})
