"""What WebAdmin and the command tell of the mails that wait."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from compostela.testing.conversation import conversation
from compostela.testing.mails import a_mail
from compostela.testing.server import Server, running
from compostela.testing.waiting import eventually
from tests.dialogues.first_day import WEBADMIN
from tests.dialogues.processing import NETWORK, next_hop, send
from tests.dialogues.queue_listing import command

NO_WORKERS = """<mailetcontainer><spooler><threads>0</threads></spooler><processors>
<processor state="root"><mailet match="All" class="Null"/></processor>
<processor state="error"><mailet match="All" class="Null"/></processor></processors></mailetcontainer>"""
REFUSED = "451 4.7.1 come back\ttomorrow\x1b[2J"


class Waiting:
    """A server with one mail to x@elsewhere.example in its outgoing queue, which was refused once and is due in an hour."""

    def __init__(self, server: Server) -> None:
        self.server = server

    async def shown(self) -> list[dict[str, object]]:
        status, output = await command(self.server, "queue", "show", "outgoing", "--json")
        assert status == 0, output
        found: list[dict[str, object]] = json.loads(output)
        return found

    async def deferred(self) -> list[dict[str, object]] | None:
        found = await self.shown()
        return found if found and found[0]["attempts"] else None


@contextlib.asynccontextmanager
async def one_waiting(folder: Path) -> AsyncIterator[Waiting]:
    async with next_hop([REFUSED] * 3) as (_, container):
        waiting = container.replace("10 ms, 10 ms", "1 hour, 1 hour")
        files = {"webadmin.properties": WEBADMIN}
        async with running(folder, elements=NETWORK, container=waiting, files=files) as server:
            await server.under_test.start_web()
            async with conversation(server.ports["smtp"]) as c:
                await send(c, ["x@elsewhere.example"], sender="bob@example.org")
            found = Waiting(server)
            await eventually(found.deferred)
            yield found


async def test_a_deferred_mail_is_shown_with_its_last_error_and_the_next_attempt(tmp_path: Path) -> None:
    async with one_waiting(tmp_path) as waiting:
        server = waiting.server
        (mail,) = await waiting.shown()
        assert (mail["sender"], mail["recipients"]) == ("bob@example.org", ["x@elsewhere.example"])
        assert (mail["attempts"], mail["lastError"]) == (1, REFUSED)
        assert str(mail["nextDelivery"]) > str(mail["arrival"])
        assert isinstance(mail["size"], int)
        status, text = await command(server, "queue", "show", "outgoing", str(mail["name"]))
        assert (status, "last error: 451 4.7.1 come back tomorrow?[2J" in text) == (0, True)
        assert json.loads((await command(server, "queue", "show", "outgoing", str(mail["name"]), "--json"))[1]) == mail
        assert (await command(server, "queue", "show", "outgoing", "--ready"))[
            1
        ] == "no mail in outgoing of this kind\n"
        status, text = await command(server, "queue", "show", "outgoing", "a/b")
        assert (status, "There is no mail a/b in the queue outgoing" in text) == (1, True)
        assert (await command(server, "queue", "show", "nothing"))[0] == 1


async def test_mails_are_held_released_flushed_and_deleted_by_destination_sender_and_recipient(tmp_path: Path) -> None:
    async with one_waiting(tmp_path) as waiting:
        server = waiting.server
        for option, value in (
            ("--destination", "Elsewhere.example"),
            ("--sender", "bob@example.org"),
            ("--recipient", "x@elsewhere.example"),
        ):
            for verb, other in (("hold", "held"), ("release", "released")):
                status, text = await command(server, "queue", verb, "outgoing", option, value)
                assert (status, text) == (0, f"1 mails of outgoing are {other}\n")
                assert [one["held"] for one in await waiting.shown()] == [verb == "hold"]
        await command(server, "queue", "hold", "outgoing")
        assert "next: held (" in (await command(server, "queue", "show", "outgoing"))[1]
        assert (await command(server, "queue", "flush", "outgoing"))[0] == 0
        assert [one["attempts"] for one in await waiting.shown()] == [1]
        await command(server, "queue", "release", "outgoing")
        assert (await command(server, "queue", "flush", "outgoing", "--destination", "other.example"))[0] == 0
        assert [one["attempts"] for one in await waiting.shown()] == [1]
        assert (await command(server, "queue", "flush", "outgoing", "--destination", "elsewhere.example"))[0] == 0

        async def tried_again() -> bool | None:
            return [one["attempts"] for one in await waiting.shown()] == [2] or None

        assert await eventually(tried_again)
        gone = ("queue", "remove", "outgoing", "--yes", "--destination", "elsewhere.example")
        assert await command(server, *gone) == (0, "1 mails deleted\n")
        assert await waiting.shown() == []


@pytest.mark.parametrize("verb", ["hold", "release", "flush", "remove"])
async def test_an_empty_criterion_does_not_choose_all_mails(tmp_path: Path, verb: str) -> None:
    files = {"webadmin.properties": WEBADMIN}
    async with running(tmp_path, container=NO_WORKERS, files=files) as server:
        await server.under_test.start_web()
        outgoing = server.store.queues.queue("outgoing")
        await outgoing.enqueue(a_mail(recipients=("x@elsewhere.example",)))
        agreed = ("--yes",) if verb == "remove" else ()
        status, text = await command(server, "queue", verb, "outgoing", *agreed, "--sender", "")
        assert (status, "is empty" in text) == (64, True), text
        method, body = ("DELETE", None) if verb == "remove" else ("PATCH", {"held": verb == "hold"})
        if verb == "flush":
            body = {"delayed": False}
        url = f"http://127.0.0.1:{server.under_test.web_port}/mailQueues/outgoing/mails?delayed=true&recipient="
        async with (
            aiohttp.ClientSession(headers={"Password": "full"}) as client,
            client.request(method, url, json=body) as answer,
        ):
            assert answer.status == 400, await answer.text()
        assert [mail.is_held async for mail in outgoing.browse()] == [False]


async def test_mails_without_a_sender_are_chosen_by_the_null_sender(tmp_path: Path) -> None:
    files = {"webadmin.properties": WEBADMIN}
    async with running(tmp_path, container=NO_WORKERS, files=files) as server:
        await server.under_test.start_web()
        outgoing = server.store.queues.queue("outgoing")
        await outgoing.enqueue(a_mail("mail"))
        await outgoing.enqueue(a_mail("report", sender=None))
        status, text = await command(server, "queue", "hold", "outgoing", "--sender", "<>")
        assert (status, text) == (0, "1 mails of outgoing are held\n")
        assert [mail.name async for mail in outgoing.browse() if mail.is_held] == ["report"]
        status, text = await command(server, "queue", "remove", "outgoing", "--yes", "--sender", "<>")
        assert (status, text) == (0, "1 mails deleted\n")
        assert [mail.name async for mail in outgoing.browse()] == ["mail"]
