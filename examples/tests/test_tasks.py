"""The task, in a whole server."""

import time
from pathlib import Path

from compostela.core.repository.ports import RepositoryUrl
from compostela.testing.mails import a_mail
from compostela.testing.server import running
from examples.tasks import ExpireMails, Expiry


async def test_old_mails_are_removed(tmp_path: Path) -> None:
    extensions = {"extensions.properties": "guice.extension.tasks = examples.tasks.ExpireMails\n"}
    async with running(tmp_path, files=extensions) as server:
        await server.under_test.start_web()
        repository = await server.store.repositories.select(RepositoryUrl.parse("file://var/mail/spam"))
        for name, days in (("old", 3), ("new", 1)):
            mail = a_mail(name)
            mail.last_updated_at = time.time() - days * 86400
            await repository.store(mail)
        tasks = server.under_test.tasks
        await tasks.wait(await tasks.submit(ExpireMails.name, Expiry("var/mail/spam", 2)), 20)
        assert await repository.size() == 1
