"""What a peer says does not write the log's lines."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from compostela.base.errors import InvalidArgument
from compostela.base.log import start_logging
from compostela.base.log_levels import LogLevels, read_levels

EVIL = "bob\r\n12:00:00 INFO    -             login ip=192.0.2.1\x1b[2J\x9b2J\u2028x"

COMPONENTS = {"imap": ("compostela.net.imap",), "delivery": ("compostela.net.outbound", "compostela.processing")}


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    """The root logger as it was."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)
    for name in ("compostela", *(one for group in COMPONENTS.values() for one in group)):
        logging.getLogger(name).setLevel(logging.NOTSET)


def logged(*, json: bool, error: Exception | None = None) -> str:
    written = io.StringIO()
    listener = start_logging(LogLevels({}, {}), json=json, stream=written)
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


@pytest.mark.parametrize("json", [True, False])
def test_a_line_has_the_fields_of_its_process_and_an_event_may_have_its_own(*, json: bool) -> None:
    written = io.StringIO()
    listener = start_logging(LogLevels({}, {}), json=json, stream=written, fields={"worker": 2})
    log = logging.getLogger("compostela")
    log.info("mail accepted")
    log.info("a worker ended", extra={"worker": 3})
    listener.stop()
    first, second = written.getvalue().splitlines()
    assert ('"worker":2' if json else " worker=2") in first
    assert ('"worker":3' if json else " worker=3") in second


def test_a_value_forges_no_field_on_the_console() -> None:
    written = io.StringIO()
    listener = start_logging(LogLevels({}, {}), json=False, stream=written)
    extra = {"user": 'bob" ip=192.0.2.1 x="', "path": "C:\\", "plain": "ann@example.org", "empty": ""}
    logging.getLogger("compostela").info("login failed", extra=extra)
    listener.stop()
    assert written.getvalue().endswith(
        ' user="bob\\" ip=192.0.2.1 x=\\"" path="C:\\\\" plain=ann@example.org empty=""\n'
    )


def test_a_value_in_the_text_forges_no_field_either() -> None:
    written = io.StringIO()
    listener = start_logging(LogLevels({}, {}), json=False, stream=written)
    logging.getLogger("compostela").info("delivery deferred: %s (%d)", "450 no mail=other", 3)
    listener.stop()
    assert written.getvalue().endswith(' delivery deferred: "450 no mail=other" (3)\n')


def enabled(name: str) -> bool:
    return logging.getLogger(name).isEnabledFor(logging.DEBUG)


def test_a_component_has_a_level_of_its_own_until_it_is_taken_back() -> None:
    levels = LogLevels(COMPONENTS, read_levels(["warning", "imap=debug"]))
    levels.apply()
    assert enabled("compostela.net.imap.session")
    assert not logging.getLogger("compostela.net.smtp").isEnabledFor(logging.INFO)
    levels.set("imap", "error")
    levels.set("delivery", "DEBUG")
    assert not logging.getLogger("compostela.net.imap").isEnabledFor(logging.WARNING)
    assert enabled("compostela.net.outbound.client")
    assert enabled("compostela.processing.spooler")
    levels.reset("imap")
    levels.reset("delivery")
    assert enabled("compostela.net.imap")
    assert not enabled("compostela.processing")
    assert [(name, levels.level(name), levels.has_own(name)) for name in levels.names] == [
        ("all", "warning", True), ("imap", "debug", True), ("delivery", "warning", False),
    ]  # fmt: skip


def test_libraries_do_not_log_at_debug_level() -> None:
    LogLevels(COMPONENTS, {"all": "debug"}).apply()
    assert enabled("compostela.anything")
    assert not enabled("asyncio")


@pytest.mark.parametrize("texts", [["lots"], ["imap=lots"], ["dovecot=debug"], ["=debug"]])
def test_levels_and_components_that_do_not_exist_are_refused(texts: list[str]) -> None:
    with pytest.raises(InvalidArgument, match="choose one of"):
        LogLevels(COMPONENTS, read_levels(texts))
