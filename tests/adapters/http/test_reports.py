"""Reports posted over HTTP keep to the contract."""

import pytest

from compostela.adapters.http.reports import HttpsReports
from tests.contracts.outbound_stores import ReportPosterContract


class TestHttpsReports(ReportPosterContract):
    @pytest.fixture
    def reports(self) -> HttpsReports:
        return HttpsReports()
