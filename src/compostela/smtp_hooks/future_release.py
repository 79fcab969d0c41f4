"""FUTURERELEASE (RFC 4865): a user's mail is kept back until the time that he names.

It is enqueued at once, durably, with a delay; the queue lets it go when its time has come, whatever happens in between.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from compostela.base.settings import Settings
from compostela.core.smtp_hooks.hooks import DECLINED, HookResult, SmtpHook, deny
from compostela.core.smtp_hooks.session import HOLD_UNTIL, SmtpSession
from compostela.smtp_hooks.context import HookContext

MAX_SECONDS = 86_400
"""A mail is held for a day at most."""
_SECONDS = re.compile(r"[1-9][0-9]{0,8}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})", re.ASCII | re.IGNORECASE)
_NOT_LOGGED_IN = deny(554, "5.7.1", "FUTURERELEASE needs authentication")
_BOTH = deny(554, "5.5.4", "HOLDFOR and HOLDUNTIL exclude each other")
_BAD_SECONDS = deny(501, "5.5.4", "Syntactically incorrect value for HOLDFOR parameter")
_BAD_DATE = deny(501, "5.5.4", "Syntactically incorrect value for HOLDUNTIL parameter")
_OUT_OF_RANGE = deny(501, "5.5.4", "The time of release is past or too far away")


class FutureReleaseEHLOHook(SmtpHook):
    """Shows `FUTURERELEASE` with its limits to authenticated users."""

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._clock = context.clock

    def helo_features(self, session: SmtpSession) -> Sequence[str]:
        if session.user is None:
            return ()
        latest = datetime.fromtimestamp(int(self._clock.now()) + MAX_SECONDS, UTC)
        return (f"FUTURERELEASE {MAX_SECONDS} {latest:%Y-%m-%dT%H:%M:%SZ}",)


class FutureReleaseMailParameterHook(SmtpHook):
    """HOLDFOR and HOLDUNTIL of MAIL."""

    def __init__(self, settings: Settings, context: HookContext) -> None:
        super().__init__(settings)
        self._clock = context.clock

    def mail_parameters(self) -> Sequence[str]:
        return ("HOLDFOR", "HOLDUNTIL")

    async def on_mail_parameter(self, session: SmtpSession, name: str, value: str | None) -> HookResult:
        if session.user is None:
            return _NOT_LOGGED_IN
        if HOLD_UNTIL in session.attributes:
            return _BOTH
        now = self._clock.now()
        until = _seconds(value, now) if name == "HOLDFOR" else _date(value)
        if until is None:
            return _BAD_SECONDS if name == "HOLDFOR" else _BAD_DATE
        if not now < until <= now + MAX_SECONDS:
            return _OUT_OF_RANGE
        session.attributes[HOLD_UNTIL] = until
        return DECLINED


def _seconds(value: str | None, now: float) -> float | None:
    return now + int(value) if value is not None and _SECONDS.fullmatch(value) else None


def _date(value: str | None) -> float | None:
    """Epoch seconds of a date-time of RFC 3339."""
    if value is None or not _DATE.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value.upper()).timestamp()
    except (ValueError, OverflowError):
        return None


HOOKS: dict[str, type[SmtpHook]] = {
    "FutureReleaseEHLOHook": FutureReleaseEHLOHook,
    "FutureReleaseMailParameterHook": FutureReleaseMailParameterHook,
}
