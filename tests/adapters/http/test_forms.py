"""Forms posted over HTTP keep to the contract."""

import pytest

from compostela.adapters.http.forms import HttpForms
from compostela.core.web_forms.ports import FormNotPosted
from tests.contracts.web_forms import PATIENCE, FormPosterContract
from tests.filter_servers import local_api
from tests.form_server import form_server


class TestHttpForms(FormPosterContract):
    server = staticmethod(form_server)

    @pytest.fixture
    def poster(self) -> HttpForms:
        return HttpForms()


@pytest.mark.parametrize("status", ["banana", "200 " + 20_000 * "x"])
async def test_an_answer_that_is_no_http_is_told(status: str) -> None:
    async with local_api(b"", status) as api:
        with pytest.raises(FormNotPosted):
            await HttpForms().post(api.url, [("a", "b")], PATIENCE)
