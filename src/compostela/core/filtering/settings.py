"""`crowdsec.properties` and `rspamd.properties`."""

from dataclasses import dataclass, field

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings


@dataclass(frozen=True, slots=True)
class CrowdsecSettings:
    """The local API of CrowdSec."""

    url: str
    """Where the API begins, with its version: `http://127.0.0.1:8080/v1`."""
    api_key: str = field(repr=False)
    """What `cscli bouncers add` gave."""
    timeout_seconds: float = 0.5
    """How long an answer may take; a client about whom nothing is learnt is let in."""
    cache_seconds: float = 30.0
    """How long an answer is good for."""


def read_crowdsec_settings(settings: Settings) -> CrowdsecSettings | None:
    """None when there is no such file."""
    if not settings.node.children:
        return None
    settings.required("crowdsecUrl")
    read = CrowdsecSettings(
        url=settings.parsed("crowdsecUrl", "", _base_url),
        api_key=settings.required("apiKey"),
        timeout_seconds=settings.duration("timeout", 0.5, unit="ms"),
        cache_seconds=settings.duration("cacheTime", 30.0),
    )
    settings.finish()
    return read


@dataclass(frozen=True, slots=True)
class RspamdSettings:
    """`rspamd.properties`: what the mailet `RspamdScanner` uses unless it says otherwise."""

    url: str = ""
    """Of the normal worker, as `http://localhost:11333`."""
    password: str = field(default="", repr=False)
    timeout_seconds: float = 15.0
    """For an answer."""
    per_user_bayes: bool = False
    """Whether each recipient has statistics of his own."""


def read_rspamd_settings(settings: Settings) -> RspamdSettings:
    read = RspamdSettings(
        url=settings.parsed("rSpamdUrl", "", _base_url),
        password=settings.text("rSpamdPassword", ""),
        timeout_seconds=settings.duration("rspamdTimeout", 15.0, minimum=0.1),
        per_user_bayes=settings.boolean("perUserBayes", False),
    )
    settings.finish()
    return read


def _base_url(text: str) -> str:
    if not text.lower().startswith(("http://", "https://")):
        raise InvalidArgument("must begin with http:// or https://")
    return text.rstrip("/")
