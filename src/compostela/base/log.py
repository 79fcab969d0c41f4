"""Structured logs: one line an event, on the console or as JSON, each with the trace id of its mail or session.

Fields go in `extra={...}`; the trace id comes from the context, or from a field `trace`. Writing happens on a thread of its own.
"""

import contextvars
import logging
import logging.handlers
import queue
import re
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import TextIO

import orjson

from compostela.base.log_levels import LogLevels

trace_id: contextvars.ContextVar[str] = contextvars.ContextVar("trace_id", default="")

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NO_FIELDS: Mapping[str, object] = MappingProxyType({})
_PLAIN = re.compile(r"[^\s\"=\\]+")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "trace", "taskName"}


def _escaped(text: str) -> str:
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _quoted(value: object) -> str:
    """Quote a value whose blanks, quotes or equal signs could look like several fields; quotes inside are escaped."""
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _text(record: logging.LogRecord) -> str:
    """The message; values in it are quoted as fields are, since a peer may have chosen them."""
    if isinstance(record.args, Mapping):
        return str(record.msg) % {key: _argument(value) for key, value in record.args.items()}
    if record.args:
        return str(record.msg) % tuple(map(_argument, record.args))
    return str(record.msg)


def _argument(value: object) -> object:
    return value if isinstance(value, (int, float)) else _quoted(value)


class ConsoleFormatter(logging.Formatter):
    """For people: time, level, trace, text, then `key=value`. A value of more than one word is in quotes, as a field and in the
    text, so a peer cannot forge fields. What a peer has said makes no lines of its own and moves no cursor:
    control characters are escaped, and the lines of a trace, in which an error may repeat it, are indented."""

    default_time_format = "%H:%M:%S"

    def format(self, record: logging.LogRecord) -> str:
        trace = getattr(record, "trace", "")
        fields = "".join(f" {key}={_quoted(value)}" for key, value in _fields(record).items())
        line = f"{self.formatTime(record)} {record.levelname:<7} {trace or '-':<13} {_text(record)}{fields}"
        line = _escaped(line)
        if record.exc_info:
            lines = self.formatException(record.exc_info).split("\n")
            line = "\n  ".join([line, *map(_escaped, lines)])
        return line


class JsonFormatter(logging.Formatter):
    """For machines: one JSON object a line; `timestamp` is epoch seconds."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "timestamp": record.created,
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        trace = getattr(record, "trace", "")
        if trace:
            entry["trace"] = trace
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str).decode()


class _Handler(logging.handlers.QueueHandler):
    """Takes the trace from the context of the caller, then leaves the writing to the listener's thread."""

    def __init__(self, lines: "queue.Queue[logging.LogRecord]", fields: Mapping[str, object]) -> None:
        super().__init__(lines)
        self._of_process = fields

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        record.trace = getattr(record, "trace", "") or trace_id.get()
        for name, value in self._of_process.items():
            vars(record).setdefault(name, value)
        return record


def start_logging(
    levels: LogLevels, *, json: bool, stream: TextIO = sys.stderr, fields: Mapping[str, object] = _NO_FIELDS
) -> logging.handlers.QueueListener:
    """Sets up the root logger; the caller stops the listener at the end, which writes what is left. `fields` are those of the
    process, in every line."""
    writer = logging.StreamHandler(stream)
    writer.setFormatter(JsonFormatter() if json else ConsoleFormatter())
    lines: queue.Queue[logging.LogRecord] = queue.Queue(-1)
    root = logging.getLogger()
    root.handlers[:] = [_Handler(lines, fields)]
    levels.apply()
    listener = logging.handlers.QueueListener(lines, writer)
    listener.start()
    return listener
