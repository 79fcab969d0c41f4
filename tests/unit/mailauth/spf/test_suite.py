"""The published test suite of RFC 7208, whole."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compostela.mailauth.spf.evaluation import check_host
from tests.unit.mailauth.zones import TIMEOUT, ZoneDns

SUITE = Path(__file__).parents[3] / "data" / "spf" / "rfc7208-tests.jsonl"
NO_EXPLANATION = "DEFAULT"


def zone_of(data: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The suite writes policies as SPF records, which also count as TXT records where a name has none of its own."""
    return {name: list(_records(records)) for name, records in data.items()}


def _records(records: list[Any]) -> Iterator[Any]:
    has_text = any(isinstance(record, dict) and "TXT" in record for record in records)
    for record in records:
        if record == TIMEOUT:
            yield record
            continue
        ((kind, data),) = record.items()
        if kind == "SPF" and not has_text:
            yield {"TXT": data}
        elif kind != "SPF" and data != "NONE":
            yield record


def published() -> Iterator[Any]:
    for line in SUITE.read_text().splitlines():
        scenario = json.loads(line)
        zone = zone_of(scenario["zonedata"])
        for name, test in scenario["tests"].items():
            yield pytest.param(zone, test, id=name)


def test_the_suite_is_whole() -> None:
    assert len(list(published())) == 203


@pytest.mark.parametrize(("zone", "test"), list(published()))
async def test_published(zone: dict[str, list[Any]], test: dict[str, Any]) -> None:
    sender, helo = test["mailfrom"] or f"postmaster@{test['helo']}", test["helo"]
    result = await check_host(test["host"], sender.rpartition("@")[2], sender, helo, ZoneDns(zone), now=0.0)
    accepted = test["result"] if isinstance(test["result"], list) else [test["result"]]
    assert result.code.value in accepted, result
    if "explanation" in test:
        assert (result.explanation or NO_EXPLANATION) == test["explanation"]
