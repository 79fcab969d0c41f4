"""Matchers with regular expressions on header fields. All of them match the mail as a whole."""

import re

from compostela.base.errors import InvalidArgument
from compostela.core.mail.model import Mail
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers
from compostela.processing.mailet import Matcher, Recipients, whole
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


_SPAM_PROGRAMS = {
    b"Received": r"untrace?able|x{21}|GAA.*-0600.*EST|XAA.*-0700.*EDT|from (?:baby|bewellnet|kllklk) ",
    b"To": r"friend@public\.com|user@the[-_]internet",
    b"Subject": r"^\(?adv?[:;)]",
    b"Date": r"/\d+/.+[ap]m.+time",
    b"Message-ID": r"<>|<(?:419\.43|989\.28)",
    b"X-MimeOLE": r"MimeOLE V(?!\d)",
    b"MIME-Version": r"1\.0From",
    b"X-Mailer": r"DiffondiCool|Emailer Platinum|eMerge|Crescent Internet Tool",
}
"""What programs that sent spam in 1999 wrote into fields: the list of Netscape's mail server, which James's matcher has too."""


class NESSpamCheck(Matcher):
    """A header field looks as programs for spam wrote it in 1999: an empty Message-ID, a Subject that begins with `ADV:`, and the
    like. For configurations that name it; a spam filter of today knows more."""

    _signs = tuple((name, re.compile(text, re.IGNORECASE)) for name, text in _SPAM_PROGRAMS.items())

    async def match(self, mail: Mail) -> Recipients:
        headers = Headers(mail.content.header)
        found = (sign.search(decode(one)) for name, sign in self._signs for one in headers.get_all(name))
        return whole(mail, any(found))


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
