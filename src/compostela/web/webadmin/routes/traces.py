"""/traces: what happened to a mail."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.clock import as_datetime
from compostela.core.tracing.ports import TraceEvent
from compostela.core.tracing.tracer import Tracer
from compostela.web.webadmin.errors import not_found
from compostela.web.webadmin.json import JsonResponse


class TraceRoutes:
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def routes(self) -> list[Route]:
        return [Route("/traces/{id}", self.show, methods=["GET"])]

    async def show(self, request: Request) -> Response:
        """What happened to the mails of a trace (the log has its id as `trace`), or to the mail of this name."""
        id = request.path_params["id"]
        events = await self._tracer.read(id)
        if not events:
            raise not_found(f"Nothing is recorded of {id}")
        return JsonResponse({"id": id, "events": [_document(event) for event in events]})


def _document(event: TraceEvent) -> dict[str, object]:
    return {
        "time": as_datetime(event.at).isoformat().replace("+00:00", "Z"),
        "mail": event.mail,
        "what": event.what,
        "place": event.place,
        "by": event.by,
        "recipients": list(event.recipients),
        "detail": list(event.detail),
    }
