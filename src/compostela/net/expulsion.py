"""Ends the sessions of accounts that are removed, whichever process removed them.

Those of SMTP and POP3 go on: they write to no mailbox of the account, and POP3 sees only the messages of its login.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from compostela.base.errors import TemporaryFailure
from compostela.model.username import Username
from compostela.net.listeners import Listener

_log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
ACCOUNTS_AT_ONCE = 200
"""Looked up without a turn for others."""


async def keep_expelling(listeners: Sequence[Listener], exists: Callable[[Username], Awaitable[bool]]) -> None:
    """Looks every `LOOK_SECONDS`, until it is cancelled."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await expel_removed(listeners, exists)
        except TemporaryFailure as failure:
            _log.warning("sessions of removed accounts cannot be looked for: %s", failure)


async def expel_removed(listeners: Sequence[Listener], exists: Callable[[Username], Awaitable[bool]]) -> None:
    """Looks once."""
    for listener in listeners:
        for number, account in enumerate(listener.accounts()):
            if number % ACCOUNTS_AT_ONCE == 0:
                await asyncio.sleep(0)
            if not await exists(account):
                _log.info("the account is removed: its sessions end", extra={"user": account.value})
                listener.expel(account)
