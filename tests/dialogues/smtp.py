"""What dialogues about smtp share."""

import base64

from compostela.testing.conversation import Conversation


def plain(user: str, password: str = "secret") -> str:
    return base64.b64encode(f"\x00{user}\x00{password}".encode()).decode()


async def greet(c: Conversation) -> None:
    await c.server("220 mail.example.org SMTP Server")
    await c.client("EHLO client.example")
    await c.until("250 ")


async def begin(c: Conversation, sender: str = "a@foreign.example", recipient: str = "bob@example.org") -> None:
    await greet(c)
    await c.client(f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", "DATA")
    await c.server("250 2.1.0", "250 2.1.5", "354 Ok Send data ending with <CRLF>.<CRLF>")
