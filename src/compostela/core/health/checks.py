"""Health checks: is each part of the server able to do its work?"""

import asyncio
import enum
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from compostela.base.errors import TemporaryFailure

_log = logging.getLogger(__name__)

CHECK_TIMEOUT_SECONDS = 10.0


class HealthStatus(enum.IntEnum):
    """In order of gravity, so that the worst of several is their maximum."""

    HEALTHY = 0
    DEGRADED = 1
    UNHEALTHY = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class HealthResult:
    """What one check found; `cause` is None when healthy."""

    component: str
    status: HealthStatus
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A named check. `probe` gives None when all is well, or the status and the cause; what it raises is unhealthy."""

    component: str
    probe: Callable[[], Awaitable[tuple[HealthStatus, str] | None]]
    timeout_seconds: float = CHECK_TIMEOUT_SECONDS


class HealthChecks:
    """All checks of this server."""

    def __init__(self, checks: Iterable[HealthCheck]) -> None:
        self._checks = {check.component: check for check in checks}

    @property
    def components(self) -> list[str]:
        return list(self._checks)

    async def run(self, components: Iterable[str] | None = None) -> list[HealthResult]:
        """Runs the named checks (all by default) side by side. Raises `KeyError` with the first unknown name."""
        chosen = list(self._checks) if components is None else list(components)
        return list(await asyncio.gather(*[_run(check) for check in [self._checks[name] for name in chosen]]))

    async def watch(self, period_seconds: float) -> None:
        """Runs all checks for ever and logs those that are not healthy."""
        while True:
            await asyncio.sleep(period_seconds)
            await self.run()


async def _run(check: HealthCheck) -> HealthResult:
    try:
        async with asyncio.timeout(check.timeout_seconds):
            found = await check.probe()
    except TimeoutError:
        found = HealthStatus.UNHEALTHY, f"no answer within {CHECK_TIMEOUT_SECONDS:g} s"
    except TemporaryFailure as error:
        found = HealthStatus.UNHEALTHY, str(error)
    except Exception as error:
        _log.exception("health check failed", extra={"component": check.component})
        return HealthResult(check.component, HealthStatus.UNHEALTHY, str(error) or type(error).__name__)
    if found is None:
        return HealthResult(check.component, HealthStatus.HEALTHY)
    status, cause = found
    level = logging.ERROR if status is HealthStatus.UNHEALTHY else logging.WARNING
    _log.log(level, "%s is %s: %s", check.component, status, cause)
    return HealthResult(check.component, status, cause)


def worst(results: Iterable[HealthResult]) -> HealthStatus:
    """The status of the whole."""
    return max((result.status for result in results), default=HealthStatus.HEALTHY)
