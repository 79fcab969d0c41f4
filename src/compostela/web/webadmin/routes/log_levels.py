"""/log/levels: how much the server logs."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.base.errors import InvalidArgument
from compostela.base.log_levels import LogLevels
from compostela.base.siblings import LOG_LEVELS, Siblings
from compostela.web.webadmin.errors import invalid, not_found
from compostela.web.webadmin.json import JsonResponse, no_content, read_json


class LogLevelRoutes:
    """Changes hold until the server ends, in all its processes."""

    def __init__(self, levels: LogLevels, siblings: Siblings) -> None:
        self._levels = levels
        self._siblings = siblings

    def routes(self) -> list[Route]:
        return [
            Route("/log/levels", self.all, methods=["GET"]),
            Route("/log/levels/{component}", self.show, methods=["GET"]),
            Route("/log/levels/{component}", self.set, methods=["PUT"]),
            Route("/log/levels/{component}", self.reset, methods=["DELETE"]),
        ]

    async def all(self, _: Request) -> Response:
        """Levels of all components; `own` tells of those that do not follow `all`."""
        return JsonResponse([self._document(name) for name in self._levels.names])

    async def show(self, request: Request) -> Response:
        """Level of a component, or of `all`."""
        return JsonResponse(self._document(self._component(request)))

    async def set(self, request: Request) -> Response:
        """Set the level: `{"level": "debug"}`; debug, info, warning or error."""
        component = self._component(request)
        form = await read_json(request, dict[str, str])
        if set(form) != {"level"}:
            raise invalid('The body must be {"level": "debug"}, or another level')
        try:
            self._levels.set(component, form["level"])
        except InvalidArgument as error:
            raise invalid(str(error)) from error
        await self._siblings.ask(LOG_LEVELS, {component: form["level"]})
        return no_content()

    async def reset(self, request: Request) -> Response:
        """Go back to the level of the start."""
        component = self._component(request)
        self._levels.reset(component)
        await self._siblings.ask(LOG_LEVELS, {component: None})
        return no_content()

    def _component(self, request: Request) -> str:
        name: str = request.path_params["component"]
        if name not in self._levels.names:
            raise not_found(f"There is no component {name} of the log: choose one of {', '.join(self._levels.names)}")
        return name

    def _document(self, name: str) -> dict[str, object]:
        return {"component": name, "level": self._levels.level(name), "own": self._levels.has_own(name)}
