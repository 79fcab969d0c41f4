"""Health checks."""

import pytest

from compostela.core.health.checks import HealthCheck, HealthChecks, HealthStatus, worst


async def well() -> None:
    return None


async def weak() -> tuple[HealthStatus, str]:
    return HealthStatus.DEGRADED, "slow"


async def broken() -> tuple[HealthStatus, str]:
    raise OSError("gone")


@pytest.fixture
def checks() -> HealthChecks:
    return HealthChecks([HealthCheck("one", well), HealthCheck("two", weak), HealthCheck("three", broken)])


async def test_each_check_tells_its_state(checks: HealthChecks) -> None:
    results = await checks.run()
    assert [result.component for result in results] == checks.components == ["one", "two", "three"]
    assert [str(result.status) for result in results] == ["healthy", "degraded", "unhealthy"]
    assert (results[0].cause, results[1].cause) == (None, "slow")
    assert "gone" in (results[2].cause or "")
    assert worst(results) is HealthStatus.UNHEALTHY


async def test_checks_are_chosen_by_name(checks: HealthChecks) -> None:
    (result,) = await checks.run(["one"])
    assert result.status is HealthStatus.HEALTHY
    with pytest.raises(KeyError):
        await checks.run(["one", "four"])
