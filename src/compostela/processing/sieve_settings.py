"""`sieve.properties`: what scripts may cost."""

from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.base.units import parse_size
from compostela.core.sieve.model import MAX_SCRIPTS
from compostela.sieve.limits import DEFAULT_LIMITS, Limits

MAX_LIST_RECIPIENTS = 100
MAX_SCRIPT_OCTETS = 16_777_216
"""The largest limit of a script that can be set: it is read into memory."""


@dataclass(frozen=True, slots=True)
class SieveSettings:
    """Limits of the engine, and those of what is around it."""

    limits: Limits = DEFAULT_LIMITS
    scripts: int = MAX_SCRIPTS
    """Scripts of one user. The octets of all of them are limited by quotas, which WebAdmin sets."""
    list_recipients: int = MAX_LIST_RECIPIENTS
    """Members of an external list to which one `redirect :list` sends a mail; a mail for more is kept."""


def read_sieve_settings(settings: Settings) -> SieveSettings:
    """Reads the whole file."""
    known = DEFAULT_LIMITS
    limits = Limits(
        script_octets=settings.parsed("script.size", known.script_octets, _script_size),
        steps=settings.integer("run.steps", known.steps, minimum=1),
        seconds=settings.duration("run.time", known.seconds, unit="s", minimum=0.1),
        actions=settings.integer("run.actions", known.actions, minimum=1),
        redirects=settings.integer("run.redirects", known.redirects, minimum=0),
        notifications=settings.integer("run.notifications", known.notifications, minimum=0),
        includes=settings.integer("run.includes", known.includes, minimum=0),
        include_depth=settings.integer("run.includeDepth", known.include_depth, minimum=1, maximum=50),
        variables=settings.integer("run.variables", known.variables, minimum=128),
        text_octets=settings.size("run.bodySize", known.text_octets),
        message_octets=settings.size("run.messageSize", known.message_octets),
        regex_memory_octets=settings.size("run.regexMemory", known.regex_memory_octets),
    )
    read = SieveSettings(
        limits=limits,
        scripts=settings.integer("scripts.max", MAX_SCRIPTS, minimum=1),
        list_recipients=settings.integer("run.listRecipients", MAX_LIST_RECIPIENTS, minimum=1),
    )
    settings.finish()
    return read


def _script_size(text: str) -> int:
    octets = parse_size(text)
    if not 1 <= octets <= MAX_SCRIPT_OCTETS:
        raise InvalidArgument(f"must be from 1 to {MAX_SCRIPT_OCTETS} octets, but is {text!r}")
    return octets
