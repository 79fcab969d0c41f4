"""Kills while mail goes out: nothing acknowledged is lost, and each failure is reported once."""

from pathlib import Path

import pytest

from tests.crash.outbound import run

SEED = 20261129


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_each_recipient_gets_the_mail_or_its_sender_a_report(tmp_path: Path) -> None:
    verdict = run(80, 8, SEED, tmp_path)
    assert verdict.acknowledged > 50
    assert verdict.is_clean, (str(verdict), verdict.lost[:5], verdict.doubled[:5], verdict.inconsistent[:5])
