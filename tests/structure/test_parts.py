"""The rest of the suite does not read modules without a word of slow tests, so that word may be in few other places."""

from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_only_test_modules_and_contracts_mark_tests_as_slow() -> None:
    marking = [path for path in TESTS.rglob("*.py") if "mark.slow" in path.read_text()]
    assert marking
    assert [path for path in marking if not path.name.startswith("test_") and path.parent != TESTS / "contracts"] == []
