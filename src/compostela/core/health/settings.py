"""`healthcheck.properties`."""

from dataclasses import dataclass

from compostela.base.settings import Settings
from compostela.model.username import Username


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """How often the checks run by themselves."""

    period_seconds: float = 60.0
    """Between two runs, at least ten."""
    reception_user: Username | None = None
    """Gets a mail of the server at each run, for the check `MailReceptionCheck`; without it there is no such check."""
    reception_timeout_seconds: float = 60.0
    """How long that mail may be on its way."""


def read_health_settings(settings: Settings) -> HealthSettings:
    """Reads the whole file; further checks are not yet in effect."""
    read = HealthSettings(
        settings.duration("healthcheck.period", 60.0, unit="ms", minimum=10.0),
        settings.parsed("reception.check.user", None, Username.parse),
        settings.duration("reception.check.timeout", 60.0, minimum=0.1),
    )
    settings.not_yet("additional.healthchecks")
    settings.finish()
    return read
