"""What a start writes to the stores: the domains of the configuration, the first user, the groups of mailbox listeners."""

import asyncio
import logging
from pathlib import Path

from compostela.app import first_start
from compostela.app.first_start import FirstUser
from compostela.app.server.services import Services
from compostela.app.stores import Stores
from compostela.base.clock import Clock
from compostela.base.errors import TemporaryFailure
from compostela.core.events.listeners import Listeners
from compostela.model.mail_address import MailAddress

_log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""Between two attempts while an engine is away."""


class Preparation:
    """Of one process. Each step may be repeated, and several processes may take it at once."""

    def __init__(
        self,
        services: Services,
        stores: Stores,
        listeners: Listeners | None,
        postmaster: MailAddress,
        clock: Clock,
    ) -> None:
        """`listeners` are started if this process runs them."""
        self._services = services
        self._stores = stores
        self._listeners = listeners
        self._postmaster = postmaster
        self._clock = clock
        self._first: FirstUser | None = None

    async def run(self) -> FirstUser | None:
        """All steps; gives the user that was made. Raises `TemporaryFailure`; then it may be called again."""
        services, domain = self._services, self._services.domains.default_domain
        await services.domains.add_configured()
        if self._first is None:
            self._first = await first_start.make_first_user(services.users, domain)
        if self._first is not None:
            await first_start.welcome(self._stores.queues, domain, self._clock.now())
            await first_start.read_by(services, self._postmaster, self._first)
        if self._listeners is not None:
            await self._listeners.start()
        return self._first

    async def run_later(self, data: Path) -> None:
        """Repeats `run` until it succeeds. The password of a user that was made goes into a private file in `data`."""
        first: FirstUser | None = None
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            try:
                first = await self.run()
            except TemporaryFailure:
                continue  # logged where the engine is connected
            break
        if first is not None:
            file = first_start.note_first_user(data, first.name, first.password)
            _log.info("a first user was made", extra={"file": str(file)})
        _log.info("the stores are ready")
