"""Spam traps: addresses that only a harvester knows."""

import logging
from dataclasses import dataclass
from typing import Annotated

from cachetools import TLRUCache

from compostela.base.clock import Clock
from compostela.base.declarations import Duration, Many
from compostela.base.declared import read
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook, deny
from compostela.core.smtp_hooks.session import SmtpSession
from compostela.model.mail_address import MailAddress
from compostela.smtp_hooks.context import HookContext

_log = logging.getLogger(__name__)

MAX_BLOCKED = 10_000
"""Addresses that are shut out at once; beyond it the one that was blocked first is let in again."""
_BLOCKED = deny(
    554, "5.7.1", "Rejected: mail from your address is refused for some time, because it wrote to a spam trap"
)


class BlockedAddresses(TLRUCache[str, float, float]):
    """Clients that are shut out, each for the number of seconds that is its value. In the memory of the process: a block lasts an
    hour or so, is won again with the next mail to a trap, and is not worth a write for each."""

    def __init__(self, clock: Clock, most: int = MAX_BLOCKED) -> None:
        super().__init__(most, lambda _address, seconds, now: now + seconds, clock.monotonic)


def _trap(text: str) -> MailAddress:
    try:
        return MailAddress.parse(text)
    except InvalidArgument as error:
        raise InvalidArgument(f"{text!r}: {error}") from error


@dataclass(frozen=True, slots=True)
class SpamTrapHandlerSettings:
    """Parameters of `SpamTrapHandler`."""

    traps: Annotated[frozenset[MailAddress], Many("spamTrapRecip", _trap, frozenset, required=True)] = frozenset()
    """The traps."""
    block_seconds: Annotated[float, Duration("blockTime", unit="ms")] = 4320.0
    """How long a client that wrote to a trap is shut out."""


class SpamTrapHandler(SmtpHook):
    """Refuses recipients in `spamTrapRecip`, and then every recipient from the same client address for `blockTime`, on all servers
    of the process that have this handler. Clients that may relay are neither trapped nor refused, so that one user's mistake does
    not shut out a whole office."""

    parameters = SpamTrapHandlerSettings

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        made = read(SpamTrapHandlerSettings, settings)
        self._traps, self._block_seconds = made.traps, made.block_seconds
        self._blocked = context.shared(BlockedAddresses, lambda: BlockedAddresses(context.clock))

    async def on_rcpt(self, session: SmtpSession, sender: MailAddress | None, recipient: MailAddress) -> HookResult:
        if session.relaying_allowed:
            return DECLINED
        if recipient in self._traps:
            self._blocked[session.remote_address] = self._block_seconds
            _log.info(
                "a client wrote to a spam trap",
                extra={"ip": session.remote_address, "recipient": str(recipient), "seconds": self._block_seconds},
            )
            return _BLOCKED
        return _BLOCKED if session.remote_address in self._blocked else DECLINED


HOOKS: dict[str, type[SmtpHook]] = {
    "SpamTrapHandler": SpamTrapHandler,
}
