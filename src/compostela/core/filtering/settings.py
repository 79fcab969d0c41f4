"""`crowdsec.properties`, `rspamd.properties`, and parameters that mailets and SMTP hooks share."""

from dataclasses import dataclass, field
from typing import Annotated

from compostela.base.declarations import Boolean, Duration, Integer, Parsed, Text
from compostela.base.declared import Reader, read
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings


def _base_url(text: str) -> str:
    if not text.lower().startswith(("http://", "https://")):
        raise InvalidArgument("must begin with http:// or https://")
    return text.rstrip("/")


@dataclass(frozen=True, slots=True)
class CrowdsecSettings:
    """The local API of CrowdSec."""

    url: Annotated[str, Parsed("crowdsecUrl", _base_url, "HTTP URL")]
    """Where the API begins, with its version: `http://127.0.0.1:8080/v1`."""
    api_key: Annotated[str, Text("apiKey")] = field(repr=False)
    """What `cscli bouncers add` gave."""
    timeout_seconds: Annotated[float, Duration("timeout", unit="ms")] = 0.5
    """How long an answer may take; a client about whom nothing is learnt is let in."""
    cache_seconds: Annotated[float, Duration("cacheTime")] = 30.0
    """How long an answer is good for."""


def read_crowdsec_settings(settings: Settings) -> CrowdsecSettings | None:
    """None when there is no such file."""
    if not settings.node.children:
        return None
    made = read(CrowdsecSettings, settings)
    settings.finish()
    return made


@dataclass(frozen=True, slots=True)
class RspamdSettings:
    """`rspamd.properties`: what the mailet `RspamdScanner` uses unless it says otherwise."""

    url: Annotated[str, Parsed("rSpamdUrl", _base_url, "HTTP URL")] = ""
    """Of the normal worker, as `http://localhost:11333`."""
    password: Annotated[str, Text("rSpamdPassword")] = field(default="", repr=False)
    """The password of that worker. Without it none is sent."""
    timeout_seconds: Annotated[float, Duration("rspamdTimeout", minimum=0.1)] = 15.0
    """For an answer."""
    per_user_bayes: Annotated[bool, Boolean("perUserBayes")] = False
    """Whether each recipient has own statistics."""


@dataclass(frozen=True, slots=True)
class SpamdSettings:
    """Where spamd is."""

    host: Annotated[str, Parsed("spamdHost", str)] = "localhost"
    """Host of spamd."""
    port: Annotated[int, Integer("spamdPort", minimum=1, maximum=65_535)] = 783
    """Its port."""


read_rspamd_settings = Reader(RspamdSettings)
