"""The registry of metrics: one object for each name."""

from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument
from compostela.base.metrics import counter, gauge, histogram
from compostela.testing.pipeline import mail_of, mailet, served, server_context


def test_a_name_has_one_metric() -> None:
    assert counter("testCounter") is counter("testCounter")
    for make in (gauge, histogram):
        with pytest.raises(InvalidArgument, match="'testCounter' is the name of another metric, a counter"):
            make("testCounter")


async def test_a_metric_of_an_operator_s_own(tmp_path: Path) -> None:
    async with server_context(tmp_path) as context:
        made = mailet("MetricsMailet", context, metricName="testOwnMails")
        before = counter("testOwnMails").value
        await served(made, mail_of("Subject: x\r\n\r\nhello\r\n"))
        assert counter("testOwnMails").value == before + 1


async def test_the_name_of_a_histogram_is_no_name_for_a_counter(tmp_path: Path) -> None:
    histogram("testTimes")
    async with server_context(tmp_path) as context:
        with pytest.raises(InvalidArgument, match="a histogram"):
            mailet("MetricsMailet", context, metricName="testTimes")
