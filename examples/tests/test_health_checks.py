"""The example of a health check."""

from pathlib import Path

from compostela.core.health.checks import HealthChecks, HealthStatus
from compostela.core.health.settings import own_health_check
from examples.health_checks import archive_check


async def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    checks = HealthChecks([archive_check(tmp_path / "archive")])
    (found,) = await checks.run()
    assert (found.component, found.status) == ("Archive", HealthStatus.DEGRADED)
    (tmp_path / "archive").mkdir()
    (found,) = await checks.run()
    assert found.status is HealthStatus.HEALTHY


def test_the_configuration_names_it() -> None:
    assert own_health_check("examples.health_checks.archive_check").component == "Archive"
