"""When a delivery is tried again: RemoteDelivery's `delayTime`."""

import re

from compostela.base.errors import InvalidArgument
from compostela.base.units import parse_duration

_ITEM = re.compile(r"(?:(\d+)\s*\*\s*)?(.+)")
MAX_TRIES = 1000


def parse_schedule(text: str) -> tuple[float, ...]:
    """Delays in seconds: `[n*]delay[unit]` separated by commas, milliseconds without a unit. Raises `InvalidArgument`."""
    delays: list[float] = []
    for item in text.split(","):
        match = _ITEM.fullmatch(item.strip())
        if match is None:
            raise InvalidArgument(f"{text!r} is not a list of delays")
        count = int(match.group(1) or 1)
        if not 1 <= count <= MAX_TRIES:
            raise InvalidArgument(f"{item.strip()!r}: a delay is used 1 to {MAX_TRIES} times")
        delays += [parse_duration(match.group(2), "ms")] * count
    return tuple(delays[:MAX_TRIES])


def extended(delays: tuple[float, ...], max_retries: int) -> tuple[float, ...]:
    """One delay for each further try: the last is used again until there are `max_retries`."""
    return (*delays, *delays[-1:] * (min(max_retries, MAX_TRIES) - len(delays)))[:MAX_TRIES]
