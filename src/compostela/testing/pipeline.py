"""Mailets and matchers by themselves, on the stores of a real server that is not started:

async with server_context(tmp_path) as context:
    mail = await served(mailet("examples.mailets.AddNote", context, note="Check it."), mail_of("Subject: x\\r\\n\\r\\n"))
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

from compostela.app.configuration.folder import load
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail.model import Mail
from compostela.core.queue.model import SPOOL
from compostela.mime.headers import header_end
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.model.numbers import EntryId
from compostela.model.username import Username
from compostela.processing.mailet import Mailet, MailetContext, Matcher
from compostela.processing.pipeline_run import PipelineRun
from compostela.processing.registry import find_mailet, find_matcher
from compostela.testing.server import DOMAINS, PASSWORD, USERS, add_user, server_of

CONTAINER = """<mailetcontainer><spooler/><processors><processor state="root"><mailet match="All" class="Null"/></processor>
<processor state="error"><mailet match="All" class="Null"/></processor></processors></mailetcontainer>"""
# the least that there may be: what is tested is made by itself, and the packaged pipeline takes a third of the time of a context
SENDER, BOB, ANN = "sender@remote.example", "bob@example.org", "ann@example.org"


@contextlib.asynccontextmanager
async def server_context(folder: Path, dns: str = "") -> AsyncIterator[MailetContext]:
    """The context of a server of example.org with the users bob and ann. `dns` is the address of the only name server."""
    conf, data = folder / "conf", folder / "data"
    conf.mkdir()
    (conf / "domainlist.xml").write_text(DOMAINS)
    (conf / "usersrepository.xml").write_text(USERS)
    (conf / "mailetcontainer.xml").write_text(CONTAINER)
    if dns:
        (conf / "dnsservice.xml").write_text(
            f"<dnsservice><servers><server>{dns}</server></servers><autodiscover>false</autodiscover></dnsservice>"
        )
    problems = Problems()
    server, (store, _) = await server_of(load(conf, data, problems), data, problems)
    try:
        await store.domains.add(Domain("example.org"))
        for user in (BOB, ANN):
            await add_user(store, Username.parse(user), PASSWORD)
        yield replace(server.mailet_context, hello_name="mail.example.org")
    finally:
        await server.close()


def mail_of(
    message: str | bytes = "Subject: x\r\n\r\nhello\r\n", sender: str | None = SENDER, *recipients: str
) -> Mail:
    """Return a mail with this whole message, to bob if no recipient is given."""
    data = message if isinstance(message, bytes) else message.encode()
    end = header_end(data)
    return Mail(
        name="mail",
        sender=MailAddress.parse(sender) if sender else None,
        recipients=[MailAddress.parse(one) for one in recipients or (BOB,)],
        content=MessageContent(data[:end], MemoryBody(data[end:])),
    )


def matcher(match: str, context: MailetContext) -> Matcher:
    """As `match="…"` makes it. Raises `InvalidArgument` for a wrong condition."""
    name, _, condition = match.partition("=")
    settings = Settings(Node("mailet", Place("test")), Problems())
    factory = find_matcher(name, settings, ())
    if factory is None:
        raise InvalidArgument(str(settings.problems.found))
    return factory(condition, settings, context)


def mailet(name: str, context: MailetContext, /, **parameters: str | Sequence[str]) -> Mailet:
    """As `<mailet class="name">` with these children makes it. Raises `InvalidArgument` with the complaints."""
    problems, place = Problems(), Place("test")
    texts = [
        (key, text) for key, given in parameters.items() for text in ([given] if isinstance(given, str) else given)
    ]
    settings = Settings(Node("mailet", place, children=[Node(key, place, text) for key, text in texts]), problems)
    factory = find_mailet(name, settings)
    made = factory(settings, context) if factory is not None else None
    settings.finish()
    if made is None or problems.found:
        raise InvalidArgument("; ".join(map(str, problems.found)))
    return made


async def served(made: Mailet, mail: Mail, number: int = 0) -> Mail:
    """Return the mail after the mailet, at the place `number` of the processor root. A run with the same number is the same run again."""
    await made.service(mail, PipelineRun(EntryId(f"entry-{number}")).at(f"root/{number}"))
    return mail


async def text_of(mail: Mail) -> str:
    return (await mail.content.read()).decode()


async def spooled(context: MailetContext, queue: str = SPOOL) -> list[Mail]:
    """Takes what waits in a queue."""
    found = []
    waiting = context.queues.queue(queue)
    while await waiting.size():
        item = await waiting.dequeue()
        found.append(item.mail)
        await item.done()
    return found
