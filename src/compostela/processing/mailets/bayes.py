"""Mailets that judge mail by its words, and learn what is spam."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Boolean, Choice, Integer, Parsed
from compostela.base.declared import read
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.core.bayes.judgement import probability, tokens
from compostela.core.bayes.ports import Feed
from compostela.core.mail.model import GHOST, Mail
from compostela.mime.editing import text_of
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers, header_end
from compostela.mime.scanner import describe
from compostela.mime.text import decoded_octets, html_text
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.header_values import replace_field
from compostela.processing.matchers.structure import parts_of
from compostela.processing.pipeline_run import PipelineRun

PROBABILITY = "org.apache.james.spam.probability"
MAX_ATTACHED = 20
"""Messages that one mail may feed."""
MAX_NAME = 200
_CERTAIN, _LIKELY = 0.9, 0.1


def _corpus(text: str) -> str:
    if len(text) > MAX_NAME:
        raise InvalidArgument(f"the name has more than {MAX_NAME} characters")
    return text


@dataclass(frozen=True, slots=True)
class CorpusSettings:
    """Parameters of both mailets."""

    corpus: Annotated[str, Parsed("repositoryPath", _corpus)]
    """Name of what was learnt, and no more than a name."""
    max_bytes: Annotated[int, Integer("maxSize", minimum=1)] = 100_000
    """Octets of the largest mail whose words are looked at."""


def _texts(header: bytes, body: bytes) -> Iterator[tuple[str, str]]:
    fields = Headers(header)
    for name in (b"Subject", b"From", b"To", b"Reply-To"):
        for value in fields.get_all(name):
            yield name.decode().lower(), decode(value)
    for part in parts_of(describe(header, body).root):
        if part.type == b"text" and not part.children:
            text = text_of(part, body)
            yield "", html_text(text) if part.subtype == b"html" else text


def _message_tokens(header: bytes, body: bytes) -> set[bytes]:
    return tokens(_texts(header, body))


def _fed_tokens(header: bytes, body: bytes) -> list[set[bytes]]:
    """Of the messages that are attached, or else of the message itself."""
    attached = [one for one in parts_of(describe(header, body).root) if one.is_message][:MAX_ATTACHED]
    whole = [decoded_octets(body[slice(*one.body)], one.encoding) for one in attached]
    ends = [header_end(one) for one in whole]
    found = [_message_tokens(one[:end], one[end:]) for one, end in zip(whole, ends, strict=True)]
    return found or [_message_tokens(header, body)]


def _field_name(text: str) -> str:
    if not text.isascii() or not text.replace("-", "").isalnum():
        raise InvalidArgument(f"{text!r} is not the name of a header field")
    return text


@dataclass(frozen=True, slots=True)
class BayesianAnalysisSettings(CorpusSettings):
    """Parameters of `BayesianAnalysis`."""

    field: Annotated[str, Parsed("headerName", _field_name)] = "X-MessageIsSpamProbability"
    """The field that takes the probability."""
    ignores_local: Annotated[bool, Boolean("ignoreLocalSender")] = False
    """Whether mail from domains of this server is not judged."""
    tags_subject: Annotated[bool, Boolean("tagSubject")] = True
    """Whether the subject of a mail above 10 % begins with the probability."""


class BayesianAnalysis(Mailet):
    """Notes the probability that a mail is spam, from 0 to 1, in the field `headerName` and the attribute
    `org.apache.james.spam.probability`. It compares the words with those that `BayesianAnalysisFeeder` has learnt under the same
    `repositoryPath`. With `tagSubject` the subject of a mail above 10 % begins with it, as in `[95% SPAM]`
    (`spam` up to 90 %). Mail over `maxSize` octets (100,000), and with `ignoreLocalSender` mail from domains of this server, is not
    judged, nor is any before both ham and spam were learnt: then there is no field."""

    parameters = BayesianAnalysisSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._settings = read(BayesianAnalysisSettings, settings)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if mail.size > self._settings.max_bytes or (self._settings.ignores_local and await self._is_local(mail)):
            return
        found = await asyncio.to_thread(_message_tokens, mail.content.header, await mail.content.body.read())
        likely = probability(await self.context.token_corpora.look_up(self._settings.corpus, found), found)
        if likely is None:
            return
        mail.attributes[PROBABILITY] = likely
        replace_field(mail, self._settings.field, f"{likely:.4f}")
        if self._settings.tags_subject and likely > _LIKELY:
            subject = decode(Headers(mail.content.header).get(b"Subject") or b"")
            word = "SPAM" if likely > _CERTAIN else "spam"
            replace_field(mail, "Subject", f"[{likely:.0%} {word}] {subject}".strip())

    async def _is_local(self, mail: Mail) -> bool:
        return mail.sender is not None and await self.context.domains.contains(mail.sender.domain)


@dataclass(frozen=True, slots=True)
class BayesianAnalysisFeederSettings(CorpusSettings):
    """Parameters of `BayesianAnalysisFeeder`."""

    feed: Annotated[Feed, Choice("feedType", {one.value: one for one in Feed}, required=True)] = Feed.HAM
    """What the mail is."""


class BayesianAnalysisFeeder(Mailet):
    """Learns the words of a mail as those of ham or spam (`feedType`), for `BayesianAnalysis` with the same `repositoryPath`: of the messages that
    are attached to it (message/rfc822, the first 20), or else its own. A mail that was learnt ends
    here; one over `maxSize` octets (100,000) is not learnt and goes on."""

    parameters = BayesianAnalysisFeederSettings
    acts_outside = True

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._settings = read(BayesianAnalysisFeederSettings, settings)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if mail.size > self._settings.max_bytes:
            return
        effect = run.effect("bayes")
        messages = await asyncio.to_thread(_fed_tokens, mail.content.header, await mail.content.body.read())
        await self.context.token_corpora.train(self._settings.corpus, self._settings.feed, messages, effect)
        mail.state = GHOST
