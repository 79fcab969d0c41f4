"""What a peer says does not write the log's lines."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from compostela.base.log import start_logging

EVIL = "bob\r\n12:00:00 INFO    -             login ip=192.0.2.1\x1b[2J\x9b2J\u2028x"


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    """The root logger as it was."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)


def logged(*, json: bool, error: Exception | None = None) -> str:
    written = io.StringIO()
    listener = start_logging("INFO", json=json, stream=written)
    logging.getLogger("compostela").info("login failed", extra={"user": EVIL}, exc_info=error)
    listener.stop()
    return written.getvalue()


def test_an_event_is_one_line_on_the_console() -> None:
    (line,) = logged(json=False).splitlines()
    assert line.isprintable()
    assert 'user="bob\\u000d\\u000a12:00:00' in line


def test_what_an_error_repeats_makes_no_lines_of_its_own_either() -> None:
    first, *trace = logged(json=False, error=ValueError(EVIL)).rstrip("\n").split("\n")
    assert "login failed" in first
    assert trace
    assert all(line.startswith("  ") and line.isprintable() for line in trace)


def test_an_event_is_one_object_as_json() -> None:
    (line,) = logged(json=True).rstrip("\n").split("\n")
    assert json.loads(line)["user"] == EVIL


def test_a_value_forges_no_field_on_the_console() -> None:
    written = io.StringIO()
    listener = start_logging("INFO", json=False, stream=written)
    extra = {"user": 'bob" ip=192.0.2.1 x="', "path": "C:\\", "plain": "ann@example.org", "empty": ""}
    logging.getLogger("compostela").info("login failed", extra=extra)
    listener.stop()
    assert written.getvalue().endswith(
        ' user="bob\\" ip=192.0.2.1 x=\\"" path="C:\\\\" plain=ann@example.org empty=""\n'
    )
