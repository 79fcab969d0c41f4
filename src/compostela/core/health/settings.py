"""`healthcheck.properties`."""

from dataclasses import dataclass

from compostela.base.settings import Settings


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """How often the checks run by themselves."""

    period_seconds: float = 60.0
    """Between two runs, at least ten."""


def read_health_settings(settings: Settings) -> HealthSettings:
    """Reads the whole file; the reception check and further checks are not yet in effect."""
    read = HealthSettings(settings.duration("healthcheck.period", 60.0, unit="ms", minimum=10.0))
    settings.not_yet("reception.check.user", "reception.check.timeout", "additional.healthchecks")
    settings.finish()
    return read
