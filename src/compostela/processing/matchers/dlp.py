"""DLP: mails that a rule of the sender's domain finds (data leak prevention)."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from cachetools import TTLCache

from compostela.base.errors import InvalidArgument
from compostela.base.expressions import LinearExpression
from compostela.base.settings import Settings
from compostela.base.units import parse_duration
from compostela.core.blob.model import Octets
from compostela.core.dlp.model import DlpRule
from compostela.core.mail.model import Mail
from compostela.mime import addresses
from compostela.mime.editing import text_of
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers
from compostela.mime.scanner import describe
from compostela.mime.structure import Part
from compostela.model.domain import Domain
from compostela.processing.mailet import MatcherContext, Recipients, whole
from compostela.processing.matchers.conditions import ConditionMatcher

MATCHED_RULE = "DlpMatchedRule"
"""Attribute with the id of the rule that matched (James's name)."""
REMEMBERED_DOMAINS = 1000
_PREFIX = "cache:"


class DLP(ConditionMatcher[float]):
    """All recipients if a rule of the sender's domain matches; the first such rule's id becomes the attribute `DlpMatchedRule`.
    WebAdmin's `/dlp/rules` has the rules. They are read for each mail, or with the condition `cache:60s` once in that time."""

    def __init__(self, condition: str, settings: Settings, context: MatcherContext) -> None:
        super().__init__(condition, settings, context)
        # without `cache:` the rules have expired when they come
        self._known: TTLCache[Domain, Sequence[DlpRule], float] = TTLCache(
            REMEMBERED_DOMAINS, self.wanted, context.clock.monotonic
        )

    def parse(self, condition: str) -> float:
        """Seconds for which rules are remembered."""
        if not condition:
            return 0.0
        if not condition.startswith(_PREFIX):
            raise InvalidArgument(f"{condition!r} is not cache:duration, as in cache:60s")
        return parse_duration(condition.removeprefix(_PREFIX), "s")

    async def match(self, mail: Mail) -> Recipients:
        if mail.sender is None:
            return ()
        rule = await self._matching(mail, await self._rules(mail.sender.domain))
        if rule is not None:
            mail.attributes[MATCHED_RULE] = rule.id
        return whole(mail, rule is not None)

    async def _rules(self, domain: Domain) -> Sequence[DlpRule]:
        rules = self._known.get(domain)
        if rules is None:
            rules = self._known[domain] = await self.context.dlp_rules.get(domain)
        return rules

    async def _matching(self, mail: Mail, rules: Sequence[DlpRule]) -> DlpRule | None:
        if not rules:
            return None
        header = Headers(mail.content.header)
        senders = [str(mail.sender), *_addresses(header, b"From")]
        recipients = [*map(str, mail.recipients), *_addresses(header, b"To", b"Cc", b"Bcc")]
        contents = await self._contents(mail) if any(rule.targets_content for rule in rules) else []
        for rule in rules:
            texts = [
                *(senders if rule.targets_sender else ()),
                *(recipients if rule.targets_recipients else ()),
                *(contents if rule.targets_content else ()),
            ]
            expression = _compiled(rule.expression)
            if any(expression.is_in(text) for text in texts):
                return rule
        return None

    async def _contents(self, mail: Mail) -> list[str]:
        block = mail.content.header

        def work(body: Octets) -> list[str]:
            octets = bytes(body)
            return [text_of(part, octets) for part in _texts(describe(block, octets).root)]

        subjects = [decode(value) for value in Headers(block).get_all(b"Subject")]
        return subjects + await mail.content.body.apply(work)


def _addresses(header: Headers, *names: bytes) -> list[str]:
    return [
        one.text()
        for name in names
        for value in header.get_all(name)
        for one in addresses.parse(value)
        if one.is_mailbox
    ]


def _texts(part: Part) -> Iterator[Part]:
    if part.is_multipart:
        for child in part.children:
            yield from _texts(child)
    elif part.type == b"text" and part.subtype in (b"plain", b"html"):
        yield part


@lru_cache(maxsize=10_000)
def _compiled(expression: str) -> LinearExpression:
    return LinearExpression(expression)
