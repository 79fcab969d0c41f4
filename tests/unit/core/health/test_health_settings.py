"""`additional.healthchecks`: what is wrong with one's own checks is told at the start."""

import pytest

from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.health.checks import HealthCheck, HealthStatus
from compostela.core.health.settings import HealthSettings, read_health_settings


def read(checks: str) -> tuple[HealthSettings, list[str]]:
    problems = Problems()
    place = Place("healthcheck.properties")
    node = Node("root", place, children=[Node("additional.healthchecks", place, text=checks)])
    return read_health_settings(Settings(node, problems)), [str(one) for one in problems.found]


def good_check() -> HealthCheck:
    async def probe() -> tuple[HealthStatus, str] | None:
        return None

    return HealthCheck("Good", probe)


def failing_check() -> HealthCheck:
    raise OSError("the folder is away")


def no_check() -> str:
    return "healthy"


def test_several_are_read() -> None:
    settings, problems = read(f"{__name__}.good_check, {__name__}:good_check")
    assert [one.component for one in settings.additional] == ["Good", "Good"]
    assert not problems


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("com.example.NoSuchCheck", "there is no health check 'com.example.NoSuchCheck'"),
        (f"{__name__}.failing_check", "cannot be made: OSError: the folder is away"),
        (f"{__name__}.no_check", "is no class of HealthCheck"),
        (f"{__name__}.Place", "is no class of HealthCheck"),
    ],
)
def test_a_wrong_one_is_an_error_and_the_others_are_read(name: str, told: str) -> None:
    settings, problems = read(f"{name}, {__name__}.good_check")
    assert [one.component for one in settings.additional] == ["Good"]
    assert len(problems) == 1
    assert told in problems[0]
