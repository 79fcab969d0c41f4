"""What a process of a server answers to the others: its metrics and the levels of its log."""

import msgspec

from compostela.base.log_levels import LogLevels
from compostela.base.metrics import snapshot
from compostela.base.siblings import LOG_LEVELS, METRICS, Json, Siblings


def answer_siblings(siblings: Siblings, levels: LogLevels) -> None:
    """From now on."""

    async def metrics(_: Json) -> Json:
        shown: Json = msgspec.to_builtins(snapshot())
        return shown

    async def log_levels(told: Json) -> Json:
        _follow(levels, told)
        changed: Json = msgspec.to_builtins(levels.changed())
        return changed

    siblings.answer(METRICS, metrics)
    siblings.answer(LOG_LEVELS, log_levels)


async def take_levels(siblings: Siblings, levels: LogLevels) -> None:
    """A process that begins logs as much as the others."""
    for told in await siblings.ask(LOG_LEVELS, {}):
        _follow(levels, told)


def _follow(levels: LogLevels, told: Json) -> None:
    for name, level in (told if isinstance(told, dict) else {}).items():
        # other code may know other components
        if name not in levels.names:
            continue
        if isinstance(level, str):
            levels.set(name, level)
        else:
            levels.reset(name)
