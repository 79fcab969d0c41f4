"""`workers.properties`."""

from dataclasses import dataclass
from typing import Annotated

from compostela.app.supervisor.cores import usable_cores
from compostela.base.declarations import Parsed
from compostela.base.declared import Reader
from compostela.base.errors import InvalidArgument
from compostela.base.worker_table import MAX_WORKERS

AUTO = "auto"


def parse_workers(text: str) -> int:
    """A number from 1 to `MAX_WORKERS`, or `auto`. Raises `InvalidArgument`."""
    if text == AUTO:
        return min(usable_cores(), MAX_WORKERS)
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= MAX_WORKERS):
        raise InvalidArgument(f"{text!r} is neither a number from 1 to {MAX_WORKERS} nor {AUTO}")
    return int(text)


@dataclass(frozen=True, slots=True)
class WorkersSettings:
    """`workers.properties`."""

    workers: Annotated[int, Parsed("workers", parse_workers, f"whole number, at most {MAX_WORKERS}, or `{AUTO}`")] = 1
    """Processes that serve clients side by side. `auto` is one for each core that the server may use, where a quota of
    CPU time (`docker run --cpus`, `CPUQuota=`) counts too. With 1 there is one process and no supervisor."""


read_workers_settings = Reader(WorkersSettings)
