"""Kills of the server, and of workers and their supervisor: nothing acknowledged is lost, nothing is there twice."""

from pathlib import Path

import pytest

from tests.crash.harness import run

SEED = 20261123


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_lost_or_doubled_by_25_kills(tmp_path: Path) -> None:
    verdict = run(25, SEED, tmp_path)
    assert verdict.acknowledged > 100
    assert verdict.is_clean, (str(verdict), verdict.lost[:5], verdict.doubled[:5], verdict.inconsistent[:5])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_lost_or_doubled_by_kills_of_workers_and_their_supervisor(tmp_path: Path) -> None:
    verdict = run(8, SEED, tmp_path, workers=2)
    assert verdict.acknowledged > 20
    assert verdict.is_clean, (str(verdict), verdict.lost[:5], verdict.doubled[:5], verdict.inconsistent[:5])
