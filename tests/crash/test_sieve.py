"""Kills between the actions of a script: each action happens once."""

import asyncio
import smtplib
from collections import Counter
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.model.mailbox_path import MailboxPath
from compostela.model.username import Username
from compostela.testing.waiting import eventually, no_mail_is_queued
from tests.server_process import ServerProcess

ROUNDS = 6
MAILS = 25
SCRIPT = 'require ["fileinto", "copy", "enotify"];\nredirect :copy "ann@example.org"; fileinto "Lists";'


def send(server: ServerProcess, number: int) -> None:
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=10) as smtp:
        for count in range(MAILS):
            smtp.sendmail("a@b.example", ["bob@example.org"], f"Subject: {number}/{count}\r\n\r\nhello\r\n")
        server.kill()


async def subjects(store: EmbeddedStore, user: str, name: str) -> Counter[bytes]:
    mailbox = await store.mailboxes.find(MailboxPath.personal(Username.parse(user), name))
    assert mailbox is not None
    uids, _ = await store.mailboxes.uids(mailbox.id)
    found = await store.mailboxes.messages(mailbox.id, list(uids))
    return Counter(one.content.header.partition(b"Subject: ")[2].partition(b"\r\n")[0] for one in found.values())


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_kills_lose_and_double_no_action_of_a_script(tmp_path: Path) -> None:
    script = tmp_path / "x.sieve"
    script.write_text(SCRIPT)
    server = ServerProcess(tmp_path)
    server.start()
    try:
        server.wait_for_web()
        for user in ("bob@example.org", "ann@example.org"):
            server.add_user(user)
        server.command("sieve", "put", "bob@example.org", "main", str(script), "--activate")
        for number in range(ROUNDS):
            try:
                await asyncio.to_thread(send, server, number)
            except smtplib.SMTPServerDisconnected:
                pass  # QUIT after the kill
            server.start()
        store = await EmbeddedStore.open(server.data)
        try:
            await eventually(lambda: no_mail_is_queued(store.queues))
            expected = Counter(f"{number}/{count}".encode() for number in range(ROUNDS) for count in range(MAILS))
            assert await subjects(store, "bob@example.org", "Lists") == expected
            assert await subjects(store, "ann@example.org", "INBOX") == expected
        finally:
            await store.close()
    finally:
        server.kill()
