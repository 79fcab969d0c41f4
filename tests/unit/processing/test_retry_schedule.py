"""How often and when a delivery is tried again."""

import pytest

from compostela.base.settings import Node, Place, Problems, Settings
from compostela.processing.remote_delivery.settings import read_remote_delivery_settings

PLACE = Place("mailetcontainer.xml")


@pytest.mark.parametrize(
    ("retries", "delays"),
    [
        ("1", [60.0, 120.0]),
        ("4", [60.0, 120.0, 120.0, 120.0]),
        ("99999999999999999999", [60.0] + [120.0] * 999),
    ],
)
def test_the_last_delay_is_used_again_within_bounds(retries: str, delays: list[float]) -> None:
    children = [Node("delayTime", PLACE, "1 minute, 2 minutes"), Node("maxRetries", PLACE, retries)]
    problems = Problems()
    settings = read_remote_delivery_settings(
        Settings(Node("mailet", PLACE, children=children), problems), "own.example"
    )
    assert list(settings.delays) == delays
    assert problems.found == []
