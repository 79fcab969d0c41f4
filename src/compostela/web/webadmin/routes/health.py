"""/healthcheck: public."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.health.checks import HealthChecks, HealthResult, HealthStatus, worst
from compostela.web.webadmin.errors import not_found
from compostela.web.webadmin.json import JsonResponse

HEALTH = "/healthcheck"


class HealthRoutes:
    def __init__(self, checks: HealthChecks) -> None:
        self._checks = checks

    def routes(self) -> list[Route]:
        return [
            Route(HEALTH, self.all, methods=["GET"]),
            Route(f"{HEALTH}/checks", self.names, methods=["GET"]),
            Route(f"{HEALTH}/checks/{{component}}", self.one, methods=["GET"]),
        ]

    async def all(self, request: Request) -> Response:
        """Runs all checks, or those named by `check`; 503 when one is unhealthy (with `strict`, when one is
        degraded)."""
        wanted = request.query_params.getlist("check")
        results = await self._run(wanted or None)
        status = worst(results)
        body = {"status": str(status), "checks": [_document(result) for result in results]}
        return JsonResponse(body, status_code=_code(status, request))

    async def names(self, _: Request) -> Response:
        """Names of the checks."""
        return JsonResponse(
            [{"componentName": name, "escapedComponentName": quote(name)} for name in self._checks.components]
        )

    async def one(self, request: Request) -> Response:
        """Runs one check; the status code as above."""
        (result,) = await self._run([request.path_params["component"]])
        return JsonResponse(_document(result), status_code=_code(result.status, request))

    async def _run(self, components: list[str] | None) -> list[HealthResult]:
        try:
            return await self._checks.run(components)
        except KeyError as unknown:
            raise not_found(f"Component with name {unknown.args[0]} cannot be found") from None


def _document(result: HealthResult) -> dict[str, str | None]:
    return {
        "componentName": result.component,
        "escapedComponentName": quote(result.component),
        "status": str(result.status),
        "cause": result.cause,
    }


def _code(status: HealthStatus, request: Request) -> int:
    tolerated = HealthStatus.HEALTHY if "strict" in request.query_params else HealthStatus.DEGRADED
    return 200 if status <= tolerated else 503
