"""Every packaged mailet and matcher has a test that names it, and the table of them is up to date."""

import pytest
from tools.reference.tested import PATH, naming, page

from compostela.processing.mailets import MAILETS
from compostela.processing.matchers import MATCHERS
from compostela.processing.matchers.composites import COMPOSITES


@pytest.mark.parametrize("name", [*MAILETS, *MATCHERS, *COMPOSITES])
def test_a_name_is_tested(name: str) -> None:
    assert naming(name), f"no test names {name}"


def test_the_table_of_tests_is_up_to_date() -> None:
    assert PATH.read_text() == page(), "run 'make reference' and commit docs/developers/mailet-tests.md"
