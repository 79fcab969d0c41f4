"""What dialogues about delivery reports share."""

from compostela.model.username import Username
from compostela.testing.server import BOB, Server
from compostela.testing.waiting import eventually
from tests.dialogues.processing import idle, messages


async def reports(server: Server, user: Username = BOB) -> list[str]:
    await eventually(lambda: idle(server))
    return [one.decode() for one in await messages(server, user) if b"report-type=delivery-status" in one]
