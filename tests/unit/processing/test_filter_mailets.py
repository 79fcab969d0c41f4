"""SPF, SpamAssassin, ClamAVScan and RspamdScanner: what they note, and where mails go."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument
from compostela.core.blob.model import MessageContent
from compostela.core.filtering.ports import FilterUnavailable, MailFacts, RspamdVerdict, Scanners, SpamVerdict
from compostela.core.mail.attributes import HELO, SPAM_FLAG, SPAM_STATUS
from compostela.core.mail.model import GHOST
from compostela.model.mail_address import MailAddress
from compostela.processing.mailet import MailetContext
from compostela.processing.mailets.filters import INFECTED, RSPAMD_FLAG, RSPAMD_STATUS, SPF_EXPLANATION, SPF_RESULT
from compostela.testing.name_server import name_server
from compostela.testing.pipeline import ANN, BOB, mail_of, mailet, served, server_context, spooled, text_of

ZONE = {
    "b.example": {"TXT": ['"v=spf1 ip4:192.0.2.1 exp=why.b.example -all"']},
    "why.b.example": {"TXT": ['"not one of ours"']},
}
SENDER = "a@b.example"
HAM = RspamdVerdict("no action", 1.5, 15.0, None, False)


class Judges:
    """Judges whose verdicts a test sets. Each notes what it was asked."""

    def __init__(self) -> None:
        self.spam: SpamVerdict | None = SpamVerdict(True, 7.5, 5.0)
        self.virus: str | None = None
        self.verdicts: dict[str, RspamdVerdict] = {}
        self.asked: list[MailFacts] = []
        self.made: list[tuple[object, ...]] = []
        self.scanners = Scanners(self._make, self._make, self._make)

    def _make(self, *how: object) -> "Judges":
        self.made.append(how)
        return self

    async def scan(self, content: MessageContent) -> SpamVerdict | str | None:
        if len(self.made[-1]) == 4:
            return self.virus
        if self.spam is None:
            raise FilterUnavailable("away")
        return self.spam

    async def judge(self, content: MessageContent, facts: MailFacts) -> RspamdVerdict:
        self.asked.append(facts)
        return self.verdicts.get(facts.deliver_to, HAM)


@pytest.fixture
def judges() -> Judges:
    return Judges()


@pytest.fixture
async def context(tmp_path: Path, judges: Judges) -> AsyncIterator[MailetContext]:
    async with name_server(ZONE) as dns, server_context(tmp_path, dns.address) as made:
        yield replace(made, scanners=judges.scanners)


@pytest.mark.parametrize(("address", "result"), [("192.0.2.1", "pass"), ("198.51.100.1", "fail")])
async def test_spf_is_noted(context: MailetContext, address: str, result: str) -> None:
    mail = mail_of("Subject: x\r\n\r\n", SENDER)
    mail.remote_address = address
    mail = await served(mailet("SPF", context, addHeader="true"), mail)
    assert mail.attributes[SPF_RESULT] == result
    assert mail.attributes.get(SPF_EXPLANATION) == ("not one of ours" if result == "fail" else None)
    assert (await text_of(mail)).startswith(f"Received-SPF: {result} (")


@pytest.mark.parametrize(
    ("address", "parameters", "is_asked"),
    [
        ("10.1.2.3", {}, False),
        ("10.1.2.3", {"ignoreLocalIps": "false"}, True),
        ("198.51.100.1", {"ignoredNetworks": "198.51.100.0/24"}, False),
        ("10.1.2.3", {"ignoredNetworks": "198.51.100.0/24"}, True),
    ],
)
async def test_spf_does_not_ask_about_own_networks(
    context: MailetContext, address: str, parameters: dict[str, str], is_asked: bool
) -> None:
    mail = mail_of("Subject: x\r\n\r\n", SENDER)
    mail.remote_address = address
    assert (SPF_RESULT in (await served(mailet("SPF", context, **parameters), mail)).attributes) == is_asked


async def test_spf_of_the_null_sender_is_that_of_helo(context: MailetContext) -> None:
    mail = mail_of("Subject: x\r\n\r\n", None)
    mail.remote_address = "192.0.2.1"
    assert SPF_RESULT not in (await served(mailet("SPF", context), mail)).attributes
    mail.attributes[HELO] = "b.example"
    assert (await served(mailet("SPF", context), mail)).attributes[SPF_RESULT] == "pass"


async def test_spamassassins_verdict_is_noted(context: MailetContext, judges: Judges) -> None:
    mail = await served(mailet("SpamAssassin", context, spamdHost="spam.example", spamdPort="7833"), mail_of())
    assert judges.made == [("spam.example", 7833, 30.0)]
    noted = [(SPAM_FLAG, "YES"), (SPAM_STATUS, "Yes, hits=7.5 required=5.0")]
    assert [(name, mail.attributes[name]) for name, _ in noted] == noted
    assert mail.per_recipient_headers == {MailAddress.parse(BOB): noted}


async def test_a_mail_goes_on_while_spamassassin_is_away(context: MailetContext, judges: Judges) -> None:
    judges.spam = None
    mail = await served(mailet("SpamAssassin", context), mail_of())
    assert (mail.state, mail.attributes) == ("root", {})


@pytest.mark.parametrize("virus", [None, "Some.Virus"])
async def test_an_infected_mail_is_marked(context: MailetContext, judges: Judges, virus: str | None) -> None:
    judges.virus = virus
    mail = await served(mailet("ClamAVScan", context, host="clam.example"), mail_of())
    assert judges.made == [("clam.example", 3310, 5.0, 8192)]
    assert mail.attributes[INFECTED] == ("false" if virus is None else "true")
    assert ("X-MessageIsInfected: true" in await text_of(mail)) == (virus is not None)


async def test_rspamd_is_told_what_is_known(context: MailetContext, judges: Judges) -> None:
    mail = mail_of("Subject: x\r\n\r\n", SENDER, BOB, ANN)
    mail.remote_address = "192.0.2.1"
    mail.attributes[HELO] = "b.example"
    scanner = mailet(
        "RspamdScanner", context, rspamdUrl="http://r.example", rspamdPassword="secret", rspamdTimeout="3s"
    )
    mail = await served(scanner, mail)
    assert judges.made == [("http://r.example", "secret", 3.0)]
    assert judges.asked == [MailFacts("mail", SENDER, [BOB, ANN], "192.0.2.1", "b.example", "")]
    noted = [(RSPAMD_FLAG, "NO"), (RSPAMD_STATUS, "No, actions=no action score=1.5 requiredScore=15.0")]
    assert mail.per_recipient_headers == {MailAddress.parse(one): noted for one in (BOB, ANN)}


@pytest.mark.parametrize(
    ("verdict", "state", "flag"),
    [
        (HAM, "root", "NO"),
        (replace(HAM, action="add header"), "root", "YES"),
        (replace(HAM, action="reject"), "spam", "YES"),
        (replace(HAM, action="reject", has_virus=True), "virus", "YES"),
    ],
)
async def test_rspamds_verdict_chooses_the_processor(
    context: MailetContext, judges: Judges, verdict: RspamdVerdict, state: str, flag: str
) -> None:
    judges.verdicts[""] = verdict
    parameters = {"rspamdUrl": "http://r.example", "virusProcessor": "virus", "rejectSpamProcessor": "spam"}
    mail = await served(mailet("RspamdScanner", context, **parameters), mail_of())
    assert mail.state == state
    assert dict(mail.per_recipient_headers[MailAddress.parse(BOB)])[RSPAMD_FLAG] == flag


async def test_rspamds_subject_is_taken_over_on_request(context: MailetContext, judges: Judges) -> None:
    judges.verdicts[""] = replace(HAM, subject="[spam] é")
    for wanted in (False, True):
        parameters = {"rspamdUrl": "http://r.example", "rewriteSubject": str(wanted)}
        mail = await served(mailet("RspamdScanner", context, **parameters), mail_of("Subject: old\r\n\r\n"))
        assert ("Subject: old" in await text_of(mail)) != wanted


async def test_each_recipient_has_a_verdict_of_his_own(context: MailetContext, judges: Judges) -> None:
    judges.verdicts[ANN] = replace(HAM, action="reject")
    parameters = {"rspamdUrl": "http://r.example", "perUserBayes": "true", "rejectSpamProcessor": "spam"}
    for _ in range(2):
        mail = await served(mailet("RspamdScanner", context, **parameters), mail_of("A: b\r\n\r\n", SENDER, BOB, ANN))
        assert [str(one) for one in mail.recipients] == [BOB]
    (rejected,) = await spooled(context)
    assert ([str(one) for one in rejected.recipients], rejected.state) == ([ANN], "spam")
    mail = await served(mailet("RspamdScanner", context, **parameters), mail_of("A: b\r\n\r\n", SENDER, ANN), 1)
    assert mail.state == GHOST


def test_rspamd_needs_a_url(context: MailetContext) -> None:
    with pytest.raises(InvalidArgument, match="rspamdUrl"):
        mailet("RspamdScanner", context)
