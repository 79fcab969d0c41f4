"""What is packaged is not said to be missing."""

from compostela.processing.mailets import MAILETS, MAILETS_NOT_YET
from compostela.processing.matchers import MATCHERS, MATCHERS_NOT_YET


def test_no_packaged_mailet_is_said_to_be_missing() -> None:
    assert not MAILETS_NOT_YET & MAILETS.keys()


def test_no_packaged_matcher_is_said_to_be_missing() -> None:
    assert not MATCHERS_NOT_YET & MATCHERS.keys()
