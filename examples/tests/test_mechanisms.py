"""The SASL mechanism, in a whole server."""

import base64
import time
from pathlib import Path

from compostela.testing.conversation import conversation
from compostela.testing.server import running
from examples.mechanisms import ticket

SECRET = "a secret of more than thirty-two letters"
SMTP = f"""<smtpservers><smtpserver enabled="true"><jmxName>smtp</jmxName><bind>127.0.0.1:0</bind>
<auth><announce>always</announce><requireSSL>false</requireSSL>
<saslMechanisms>examples.mechanisms.WebTickets</saslMechanisms><ticketSecret>{SECRET}</ticketSecret></auth>
</smtpserver></smtpservers>"""


async def test_a_ticket_logs_in_and_an_old_one_does_not(tmp_path: Path) -> None:
    async with running(tmp_path, smtp=SMTP) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        for until, answer in ((1, "535 5.7.8"), (int(time.time()) + 60, "235 2.7.0")):
            octets = base64.b64encode(ticket(SECRET.encode(), "bob@example.org", until)).decode()
            await c.client(f"AUTH X-WEB-TICKET {octets}")
            await c.server(answer)
