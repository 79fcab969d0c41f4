"""A health check of one's own. In `healthcheck.properties`:

additional.healthchecks = examples.health_checks.archive_check
"""

from pathlib import Path

from compostela.core.health.checks import HealthCheck, HealthStatus

ARCHIVE = Path("/srv/archive")


def archive_check(folder: Path = ARCHIVE) -> HealthCheck:
    """Whether the folder is there into which another program of ours puts what it takes from the archive's mailbox."""

    async def probe() -> tuple[HealthStatus, str] | None:
        if folder.is_dir():
            return None
        return HealthStatus.DEGRADED, f"{folder} is not there: is the disk mounted?"

    return HealthCheck("Archive", probe)
