"""Whose PROXY header is believed."""

import pytest

from compostela.base.declared import read
from compostela.base.settings import Node, Place, Problems, Settings, Severity
from compostela.net.proxy_protocol import ProxySettings

NO_NAME = f"{'a' * 64}.example"
"""A label may have 63 characters: no resolver knows an address for it, and none is asked."""


@pytest.mark.parametrize(
    ("text", "believed", "doubted"),
    [
        (None, ["192.0.2.1", "10.0.0.1"], []),
        ("", ["192.0.2.1", "10.0.0.1"], []),
        ("10.0.0.0/8", ["10.0.0.1"], ["192.0.2.1"]),
        (f"10.0.0.0/8, {NO_NAME}", ["10.0.0.1"], ["192.0.2.1"]),
        (NO_NAME, [], ["192.0.2.1", "10.0.0.1"]),
    ],
)
def test_names_that_nobody_knows_open_the_door_to_nobody(
    text: str | None, believed: list[str], doubted: list[str]
) -> None:
    place, problems = Place("smtpserver.xml", 7), Problems()
    children = [] if text is None else [Node("proxyNetworks", place, text)]
    settings = read(ProxySettings, Settings(Node("smtpserver", place, children=children), problems))
    assert [one for one in (*believed, *doubted) if settings.believes(one)] == believed
    warnings = [one.message for one in problems.of(Severity.WARNING)]
    assert [NO_NAME in one for one in warnings] == [True] * (text is not None and NO_NAME in text)
