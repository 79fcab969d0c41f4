"""A listener that swallows its cancellation."""

import asyncio
import contextlib
from pathlib import Path

from compostela.base.settings import Settings
from compostela.core.events.listener import ListenerContext, MailboxListener
from compostela.core.events.model import MailboxChanges


class Stubborn(MailboxListener):
    """Makes the file that `called` names, and stays."""

    def __init__(self, settings: Settings, _: ListenerContext) -> None:
        self._called = Path(settings.required("called"))
        settings.finish()

    async def changed(self, _: MailboxChanges) -> None:
        self._called.touch()
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
