"""`sieve.properties`: what scripts may cost."""

from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Integer
from compostela.base.declared import Group, Reader
from compostela.core.sieve.model import MAX_SCRIPTS
from compostela.sieve.limits import DEFAULT_LIMITS, Limits

MAX_LIST_RECIPIENTS = 100


@dataclass(frozen=True, slots=True)
class SieveSettings:
    """Limits of the engine, and those of what is around it."""

    limits: Annotated[Limits, Group()] = DEFAULT_LIMITS
    scripts: Annotated[int, Integer("scripts.max", minimum=1)] = MAX_SCRIPTS
    """Scripts of one user. The octets of all of them are limited by quotas, which WebAdmin sets."""
    list_recipients: Annotated[int, Integer("run.listRecipients", minimum=1)] = MAX_LIST_RECIPIENTS
    """Members of an external list to which one `redirect :list` sends a mail; a mail for more is kept."""


read_sieve_settings = Reader(SieveSettings)
