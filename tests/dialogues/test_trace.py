"""What happened to a mail is recorded and told, by WebAdmin and by the command."""

import json
from pathlib import Path

from compostela.testing.conversation import conversation
from compostela.testing.server import BOB, running
from compostela.testing.waiting import eventually
from tests.dialogues.first_day import WEBADMIN
from tests.dialogues.processing import NETWORK, next_hop, send
from tests.dialogues.queue_listing import command


async def test_a_mail_is_followed_from_its_arrival_to_each_recipients_end(tmp_path: Path) -> None:
    async with next_hop(["451 4.7.1 come back"]) as (_, container):
        slow = container.replace("10 ms, 10 ms", "1 hour, 1 hour")
        files = {"webadmin.properties": WEBADMIN}
        async with running(tmp_path, elements=NETWORK, container=slow, files=files) as server:
            await server.under_test.start_web()
            async with conversation(server.ports["smtp"]) as c:
                await send(c, ["x@elsewhere.example", str(BOB)], sender="bob@example.org")
            outgoing = server.store.queues.queue("outgoing")

            async def deferred() -> str | None:
                found = [mail.name async for mail in outgoing.browse() if mail.failures]
                return found[0] if found else None

            name = await eventually(deferred)
            await outgoing.flush()
            tracer = server.under_test.mailet_context.tracer

            async def over() -> bool | None:
                ends = [one for event in await tracer.read(name) if event.what == "end" for one in event.recipients]
                return {"x@elsewhere.example", str(BOB)} <= set(ends) or None

            assert await eventually(over)
            handed = [one for one in await tracer.read(name) if "goes to the queue outgoing" in one.detail]
            assert [one.what for one in handed] == ["step"]
            status, output = await command(server, "trace", name, "--json")
            assert status == 0, output
            events = json.loads(output)["events"]
            assert events[0]["what"] == "arrived"
            assert set(events[0]["recipients"]) == {"x@elsewhere.example", "bob@example.org"}
            assert "from bob@example.org" in events[0]["detail"]
            ends = {
                recipient: (one["by"], one["detail"])
                for one in events
                if one["what"] == "end"
                for recipient in one["recipients"]
            }
            assert "LocalDelivery" in ends["bob@example.org"][0]
            assert ends["x@elsewhere.example"] == ("RemoteDelivery", ["sent without TLS"])
            tried = [one["detail"][0] for one in events if one["what"] in ("attempt", "deferred")]
            assert tried == ["451 4.7.1 come back", "for 3600 s: 451 4.7.1 come back"]
            assert [one["time"] for one in events] == sorted(one["time"] for one in events)
            status, text = await command(server, "trace", name)
            assert status == 0
            assert "451 4.7.1 come back" in text
            status, text = await command(server, "trace", "unknown")
            assert (status, "Nothing is recorded of unknown" in text) == (1, True)


async def test_nothing_is_recorded_if_it_is_switched_off(tmp_path: Path) -> None:
    async with next_hop([]) as (hop, container):
        off = container.replace("<spooler>", "<spooler><traceRetention>0</traceRetention>")
        assert off != container
        async with running(tmp_path, elements=NETWORK, container=off) as server:
            async with conversation(server.ports["smtp"]) as c:
                await send(c, ["x@elsewhere.example"], sender="bob@example.org")

            async def sent() -> bool | None:
                return bool(hop.taken) or None

            await eventually(sent)
            assert not server.under_test.mailet_context.tracer.is_on
