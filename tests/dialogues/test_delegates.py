"""A session on mailboxes knows the user that logged in and the user as which it acts, whichever protocol opened it."""

import base64
from pathlib import Path

from compostela.core.mailbox.actor import Actor
from compostela.core.mailbox.pre_deletion import Deletion, PreDeletionHook
from compostela.testing.conversation import conversation
from compostela.testing.server import ANN, BOB, Server
from tests.dialogues.pop3_server import MESSAGE, deliver, greeted, serving

AS_ANN = base64.b64encode(b"ann@example.org\0bob@example.org\0secret").decode()
AS_BOB = base64.b64encode(b"\0bob@example.org\0secret").decode()


class Recorder(PreDeletionHook):
    def __init__(self) -> None:
        self.actors: list[Actor] = []

    async def before_deletion(self, deletion: Deletion) -> None:
        self.actors.append(deletion.actor)


async def recorded(server: Server) -> Recorder:
    await server.store.delegations.allow(ANN, BOB)
    for user in (ANN, BOB):
        await deliver(server, MESSAGE, user=user)
    recorder = Recorder()
    server.under_test.services.mailboxes.pre_deletion = (recorder,)
    return recorder


async def test_imap_tells_who_deletes_for_whom(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        recorder = await recorded(server)
        for identity in (AS_ANN, AS_BOB):
            async with conversation(server.ports["imap"]) as c:
                await c.server("* OK ")
                await c.client(f"a1 AUTHENTICATE PLAIN {identity}", "a2 SELECT INBOX")
                await c.until("a2 OK")
                await c.client("a3 STORE 1 +FLAGS.SILENT (\\Deleted)", "a4 EXPUNGE")
                await c.until("a4 OK")
        assert recorder.actors == [Actor(user=ANN, login=BOB), Actor(user=BOB, login=BOB)]


async def test_pop3_tells_who_deletes_for_whom(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        recorder = await recorded(server)
        async with greeted(server) as c:
            await c.client(f"AUTH PLAIN {AS_ANN}", "DELE 1", "QUIT")
            await c.server("+OK Welcome ann@example.org", "+OK", "+OK")
        async with greeted(server) as c:
            await c.client("USER bob@example.org", "PASS secret", "DELE 1", "QUIT")
            await c.server("+OK", "+OK Welcome bob@example.org", "+OK", "+OK")
        assert recorder.actors == [Actor(user=ANN, login=BOB), Actor(user=BOB, login=BOB)]
