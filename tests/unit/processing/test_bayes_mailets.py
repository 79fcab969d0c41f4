"""BayesianAnalysis and its feeder, from learning to the verdict."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument
from compostela.core.bayes.ports import Counts
from compostela.core.mail.model import GHOST, ROOT, Mail
from compostela.mime.headers import Headers
from compostela.processing.mailet import MailetContext
from compostela.processing.mailets.bayes import MAX_ATTACHED, PROBABILITY
from compostela.testing.pipeline import ANN, SENDER, mail_of, mailet, served, server_context, text_of

SPAM = "Subject: =?utf-8?q?Gewinn?= now\r\nContent-Type: text/html\r\n\r\n<p>buy cheap <b>pills</b> today</p>\r\n"
HAM = "Subject: meeting\r\n\r\nlunch with the project team tomorrow\r\n"
CORPUS = {"repositoryPath": "db://maildb"}
FIELD = b"X-MessageIsSpamProbability"


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[MailetContext]:
    async with server_context(tmp_path) as made:
        yield made


async def feed(context: MailetContext) -> None:
    for number, (kind, message) in enumerate([("spam", SPAM), ("ham", HAM)] * 6):
        made = mailet("BayesianAnalysisFeeder", context, feedType=kind, **CORPUS)
        assert (await served(made, mail_of(message), number)).state == GHOST


def value(mail: Mail, name: bytes = FIELD) -> str | None:
    found = Headers(mail.content.header).get(name)
    return None if found is None else found.decode()


async def test_spam_and_ham_are_told_apart(context: MailetContext) -> None:
    await feed(context)
    made = mailet("BayesianAnalysis", context, **CORPUS)
    spam = await served(made, mail_of(f"{FIELD.decode()}: 0\r\n{SPAM}"))
    ham = await served(made, mail_of(HAM))
    assert float(value(spam) or "0") > 0.9
    assert float(value(ham) or "1") < 0.1
    assert spam.attributes[PROBABILITY] == pytest.approx(float(value(spam) or "0"), abs=0.0001)
    assert value(spam, b"Subject") == "[100% SPAM] Gewinn now"
    assert value(ham, b"Subject") == "meeting"
    unsure = await served(made, mail_of("\r\npills lunch\r\n"))
    assert value(unsure, b"Subject") == "[50% spam]"
    unknown = await served(made, mail_of("\r\nnothing of it is known here\r\n"))
    assert float(value(unknown) or "1") < 0.3


async def test_parameters_of_the_analysis(context: MailetContext) -> None:
    await feed(context)
    made = mailet(
        "BayesianAnalysis", context, tagSubject="false", headerName="X-Spam", ignoreLocalSender="true", **CORPUS
    )
    mail = await served(made, mail_of(SPAM))
    assert value(mail) is None
    assert value(mail, b"X-Spam") is not None
    assert value(mail, b"Subject") == "=?utf-8?q?Gewinn?= now"
    assert await text_of(await served(made, mail_of(SPAM, ANN))) == SPAM
    small = mailet("BayesianAnalysis", context, maxSize="50", **CORPUS)
    assert await text_of(await served(small, mail_of(SPAM, SENDER))) == SPAM
    other = mailet("BayesianAnalysis", context, repositoryPath="db://other")
    assert await text_of(await served(other, mail_of(SPAM))) == SPAM


async def messages(context: MailetContext) -> Counts:
    return (await context.token_corpora.look_up(CORPUS["repositoryPath"], [])).messages


async def test_attached_messages_are_learnt_once_each(context: MailetContext) -> None:
    part = f"--b\r\nContent-Type: message/rfc822\r\n\r\n{SPAM}\r\n"
    report = (
        f"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nis spam\r\n{part * (MAX_ATTACHED + 1)}--b--\r\n"
    )
    made = mailet("BayesianAnalysisFeeder", context, feedType="spam", **CORPUS)
    await served(made, mail_of(report))
    await served(made, mail_of(report))
    assert await messages(context) == Counts(0, MAX_ATTACHED)


async def test_a_large_mail_is_not_learnt(context: MailetContext) -> None:
    made = mailet("BayesianAnalysisFeeder", context, feedType="ham", maxSize="10", **CORPUS)
    assert (await served(made, mail_of(HAM))).state == ROOT
    assert await messages(context) == Counts()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("BayesianAnalysis", {}),
        ("BayesianAnalysis", {"repositoryPath": "x" * 201}),
        ("BayesianAnalysis", {**CORPUS, "headerName": "X Spam"}),
        ("BayesianAnalysis", {**CORPUS, "maxSize": "large"}),
        ("BayesianAnalysis", {**CORPUS, "feedType": "ham"}),
        ("BayesianAnalysisFeeder", CORPUS),
        ("BayesianAnalysisFeeder", {"feedType": "ham"}),
        ("BayesianAnalysisFeeder", {**CORPUS, "feedType": "eggs"}),
    ],
)
async def test_wrong_parameters_are_told(context: MailetContext, name: str, parameters: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument):
        mailet(name, context, **parameters)
