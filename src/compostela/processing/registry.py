"""Which mailets and matchers there are, by James's names, short names, dotted paths and entry points."""

from collections.abc import Iterable
from typing import cast

from compostela.base.extensions import load_extension
from compostela.base.settings import Settings
from compostela.processing.mailet import Mailet, MailetFactory, Matcher, MatcherFactory
from compostela.processing.mailets import MAILETS, MAILETS_WITHOUT_EFFECT
from compostela.processing.mailets.null import NoOperation
from compostela.processing.matchers import MATCHERS

MAILET_ENTRY_POINTS = "compostela.mailets"
MATCHER_ENTRY_POINTS = "compostela.matchers"
_JAMES = "org.apache.james."


def find_mailet(name: str, settings: Settings) -> MailetFactory | None:
    """None after a complaint."""
    short = _short(name)
    if short in MAILETS:
        return MAILETS[short]
    if short in MAILETS_WITHOUT_EFFECT:
        settings.problems.not_yet(settings.place, f"the mailet {short!r} is not yet in effect")
        return NoOperation
    return cast(
        "MailetFactory | None",
        load_extension(settings, "mailet", Mailet, name, MAILET_ENTRY_POINTS, [*MAILETS, *MAILETS_WITHOUT_EFFECT]),
    )


def find_matcher(name: str, settings: Settings, named: Iterable[str]) -> MatcherFactory | None:
    """None after a complaint."""
    short = _short(name)
    if short in MATCHERS:
        return MATCHERS[short]
    return cast(
        "MatcherFactory | None",
        load_extension(settings, "matcher", Matcher, name, MATCHER_ENTRY_POINTS, [*MATCHERS, *named]),
    )


def _short(name: str) -> str:
    return name.rpartition(".")[2] if name.startswith(_JAMES) or "." not in name else name
