"""Matchers on what a sender asked to be told (NOTIFY, RFC 3461 §4.1)."""

from compostela.base.settings import Settings
from compostela.core.mail import notification
from compostela.core.mail.model import Mail
from compostela.processing.mailet import Matcher, MatcherContext, Recipients


class _Requested(Matcher):
    """Recipients whose NOTIFY has the word; `_unless_told` for those without NOTIFY, its opposite with the flag."""

    _word = ""
    _flag = "shouldMatchByDefault"
    _unless_told = False

    def __init__(self, condition: str, settings: Settings, context: MatcherContext) -> None:
        super().__init__(condition, settings, context)
        if condition not in ("", self._flag):
            settings.error(f"{condition!r} is not {self._flag}")
        self._default = self._unless_told != (condition == self._flag)

    async def match(self, mail: Mail) -> Recipients:
        return [one for one in mail.recipients if notification.wants(mail, one, self._word, unless_told=self._default)]


class DSNSuccessRequested(_Requested):
    """Recipients with NOTIFY=SUCCESS: the sender wants a report of the delivery. With `shouldMatchByDefault` also recipients without
    NOTIFY."""

    _word = notification.SUCCESS


class DSNDelayRequested(_Requested):
    """Recipients with NOTIFY=DELAY: the sender wants a report of a delay. With `shouldMatchByDefault` also recipients without NOTIFY."""

    _word = notification.DELAY


class DSNFailureRequested(_Requested):
    """Recipients with NOTIFY=FAILURE, and recipients without NOTIFY: the sender wants a report of a failure. With
    `shouldNotMatchByDefault` only the former."""

    _word = notification.FAILURE
    _flag = "shouldNotMatchByDefault"
    _unless_told = True
