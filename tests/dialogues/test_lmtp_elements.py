"""`lmtpserver.xml`: what it has in common with `smtpserver.xml`."""

from pathlib import Path

from compostela.base.settings import Severity
from compostela.testing.conversation import conversation
from compostela.testing.server import running
from tests.dialogues.server_elements import problems_of


async def test_the_elements_of_smtp_that_have_a_meaning(tmp_path: Path) -> None:
    elements = """<smtpGreeting>welcome</smtpGreeting><heloEhloEnforcement>false</heloEhloEnforcement><maxRecipients>100</maxRecipients>
        <addressBracketsEnforcement>false</addressBracketsEnforcement><maxLineLength>1000</maxLineLength>
        <maxMailsPerConnection>1</maxMailsPerConnection><disabledFeatures><feature>SIZE</feature></disabledFeatures>"""
    async with running(tmp_path, lmtp=elements) as server, conversation(server.ports["lmtp"]) as c:
        assert await c.line() == "220 welcome"
        await c.client("MAIL FROM:a@b.example", "RCPT TO:bob@example.org")
        await c.server("250 2.1.0", "250 2.1.5")
        await c.client(*["RCPT TO:<bob@example.org>"] * 100)
        await c.server(*["250 2.1.5"] * 99, "452 4.5.3")
        await c.client("NOOP " + "x" * 1000, "LHLO client.example")
        await c.server("500 5.5.2 Line length exceeded")
        features = await c.until("250 ")
        assert "250-LIMITS RCPTMAX=100 MAILMAX=1" in features
        assert not any("SIZE" in line for line in features)
        await c.client("MAIL FROM:<a@b.example>")
        await c.server("452 4.5.3 Too many mails on one connection")


def test_the_elements_of_smtp_that_have_none_are_listed(tmp_path: Path) -> None:
    old = "<authRequired>true</authRequired>"
    elements = f"""<auth><announce>always</announce></auth>{old}<verifyIdentity>true</verifyIdentity><handler>{old}</handler>
        <authorizedAddresses>127.0.0.0/8</authorizedAddresses><handlerchain>{old}</handlerchain>"""
    file = f"<lmtpservers><lmtpserver><bind>127.0.0.1:0</bind>{elements}</lmtpserver></lmtpservers>"
    problems = problems_of(tmp_path, file, "lmtpserver.xml")
    assert problems.of(Severity.ERROR) == []
    listed = [
        problem.message.split("'")[1] for problem in problems.of(Severity.NO_EFFECT) if "lmtp" in str(problem.place)
    ]
    assert sorted(listed) == [
        "auth",
        "authRequired",
        "authRequired",
        "authorizedAddresses",
        "handler/authRequired",
        "verifyIdentity",
    ]
