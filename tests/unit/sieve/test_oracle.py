"""Our engine and Debian's `sieve-test` want the same to be done, for scripts and mails of our own."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import needs
from tests.unit.sieve import oracle
from tests.unit.sieve.cases import Case, cases

CASES = cases()

DIFFERENCES = {
    # name: what sieve-test 0.5.19 does, and why we differ
    "extensions: date of the last received": "store 09:15:30",  # it passes over :index; RFC 5260 §6
    "extensions: date unknown part is an error": "store INBOX",  # it matches nothing; a misspelt part is worth an error
    "extensions: date bad zone is an error": "",  # it takes the local zone; a bad zone is worth an error
    "extensions: spamtestplus count": "store INBOX",  # it knows no count of scores; RFC 5235 §2.3
    "variables: quoteregex": "error",  # it does not know the modifier of the regex draft
    "variables: string is": "store INBOX",  # its `string` compares octets; the default is i;ascii-casemap, RFC 5228 §2.7.3
}


@pytest.fixture(scope="module")
def sieve_test() -> Iterator[oracle.SieveTest]:
    # not in pytest's folder: sieve-test runs without privileges and could not enter it
    with tempfile.TemporaryDirectory(prefix="compostela-sieve-test-") as folder:
        Path(folder).chmod(0o755)
        yield oracle.SieveTest(Path(folder))


@pytest.mark.slow
@needs("sieve-test")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_sieve_test_agrees(case: Case, sieve_test: oracle.SieveTest) -> None:
    theirs = sieve_test.run(case)
    assert theirs == DIFFERENCES.get(case.name, oracle.ours(case))


def test_the_differences_are_differences() -> None:
    ours = {case.name: oracle.ours(case) for case in CASES if case.name in DIFFERENCES}
    assert ours == {
        "extensions: date of the last received": "store 00:10:00",
        "extensions: date unknown part is an error": "error",
        "extensions: date bad zone is an error": "error",
        "extensions: spamtestplus count": "",
        "variables: quoteregex": "store a\\.b\\*c",
        "variables: string is": "",
    }


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.name.endswith("is an error")], ids=lambda case: case.name
)
def test_what_is_an_error_is_refused(case: Case) -> None:
    assert oracle.ours(case) == "error"


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 300
    assert len({case.name for case in CASES}) == len(CASES)
