"""Matchers with regular expressions on header fields. All of them match the mail as a whole."""

import re

from compostela.base.errors import InvalidArgument
from compostela.core.mail.model import Mail
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers
from compostela.processing.mailet import Recipients, whole
from compostela.processing.matchers.conditions import ConditionMatcher, compiled, given

BODY = "body"
MAX_BODY_BYTES = 1024 * 1024
"""Of the body, as it is sent, this much is looked at."""
Expressions = list[tuple[str, re.Pattern[str]]]


class GenericRegexMatcher(ConditionMatcher[Expressions]):
    """`header: regular expression`, one a line: the whole value of such a field matches one of them, or, for `body`, a place
    in the body as it is sent."""

    def parse(self, condition: str) -> Expressions:
        return _expressions(given(condition))

    async def match(self, mail: Mail) -> Recipients:
        headers = Headers(mail.content.header)
        for name, pattern in self.wanted:
            if name != BODY and any(pattern.fullmatch(decode(one)) for one in headers.get_all(name.encode())):
                return mail.recipients
        on_body = [pattern for name, pattern in self.wanted if name == BODY]
        if not on_body:
            return ()
        body = (await mail.content.body.read(0, MAX_BODY_BYTES)).decode("utf-8", "replace")
        return whole(mail, any(pattern.search(body) for pattern in on_body))


class FileRegexMatcher(GenericRegexMatcher):
    """A file of lines `header: regular expression`, used as by `GenericRegexMatcher`."""

    def parse(self, condition: str) -> Expressions:
        try:
            return _expressions(self.context.resolve(given(condition)).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidArgument(f"{condition!r} cannot be read: {error}") from error


def _expressions(text: str) -> Expressions:
    found: Expressions = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, expression = line.partition(":")
        if not colon or not name.strip():
            raise InvalidArgument(f"{line.strip()!r} is not 'header: regular expression'")
        found.append((name.strip().lower(), compiled(expression.strip(), re.NOFLAG)))
    return found
