"""The first start makes one user, however many nodes start at once."""

import asyncio
from pathlib import Path

from compostela.app.configuration.folder import load
from compostela.app.server.preparation import Preparation
from compostela.app.server.services import make_services
from compostela.base.clock import SystemClock
from compostela.base.settings import Problems
from compostela.model.mail_address import MailAddress
from compostela.testing.server import Edition


async def test_of_nodes_that_start_at_once_one_makes_the_first_user(tmp_path: Path) -> None:
    stores, _ = await Edition.open(tmp_path / "data")
    clock, postmaster = SystemClock(), MailAddress.parse("postmaster@localhost")
    services = make_services(load(tmp_path, tmp_path / "data", Problems()), stores, clock)
    await services.domains.add_configured()
    made = await asyncio.gather(*(Preparation(services, stores, None, postmaster, clock).run() for _ in range(2)))
    assert len([user for user in made if user is not None]) == 1
    assert await stores.queues.queue("spool").size() == 1, "there is one welcome mail"
    services.users.close()
    await stores.close()
