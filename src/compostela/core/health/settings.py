"""`healthcheck.properties`."""

from dataclasses import dataclass
from typing import Annotated

from compostela.base.declared import Duration, Parsed, Reader
from compostela.model.username import Username


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """How often the checks run by themselves."""

    period_seconds: Annotated[float, Duration("healthcheck.period", unit="ms", minimum=10.0)] = 60.0
    """Time between two runs of the checks."""
    reception_user: Annotated[Username | None, Parsed("reception.check.user", Username.parse, "user name")] = None
    """Gets a mail of the server at each run, for the check `MailReceptionCheck`; without it there is no such check."""
    reception_timeout_seconds: Annotated[float, Duration("reception.check.timeout", minimum=0.1)] = 60.0
    """How long that mail may be on its way."""


read_health_settings = Reader(HealthSettings, not_yet=("additional.healthchecks",))
