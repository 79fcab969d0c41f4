"""What dialogues about login hooks share."""

from compostela.testing.conversation import Conversation

JAMES = "org.apache.james.smtpserver"
BEFORE = f'<handler class="{JAMES}.POP3BeforeSMTPHandler">{{}}</handler>'


async def far(c: Conversation) -> str:
    """The answer to a recipient elsewhere."""
    await c.server("220 ")
    await c.client("HELO client.example", "MAIL FROM:<ann@a.example>", "RCPT TO:<x@far.example>")
    await c.server("250 ", "250 2.1.0")
    return await c.line()
