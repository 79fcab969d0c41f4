"""`healthcheck.properties`."""

from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Duration, Many, Parsed
from compostela.base.declared import Reader
from compostela.base.extensions import find_extension
from compostela.core.health.checks import HealthCheck
from compostela.model.username import Username

ENTRY_POINTS = "compostela.healthchecks"


def own_health_check(name: str) -> HealthCheck:
    """The check of an operator's own, by entry point or dotted path. Raises `InvalidArgument`."""
    made = find_extension("health check", HealthCheck, name, ENTRY_POINTS)()
    assert isinstance(made, HealthCheck)
    return made


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """How often the checks run by themselves."""

    period_seconds: Annotated[float, Duration("healthcheck.period", unit="ms", minimum=10.0)] = 60.0
    """Time between two runs of the checks."""
    reception_user: Annotated[Username | None, Parsed("reception.check.user", Username.parse, "user name")] = None
    """Gets a mail of the server at each run, for the check `MailReceptionCheck`; without it there is no such check."""
    reception_timeout_seconds: Annotated[float, Duration("reception.check.timeout", minimum=0.1)] = 60.0
    """How long that mail may be on its way."""
    additional: Annotated[tuple[HealthCheck, ...], Many("additional.healthchecks", own_health_check)] = ()
    """Checks of one's own, by dotted path or entry point, beside the packaged ones."""


read_health_settings = Reader(HealthSettings)
