"""The server as it is seen from outside, as far as others are told of it."""

from dataclasses import dataclass

from compostela.core.autoconfiguration.endpoints import Service
from compostela.core.autoconfiguration.mta_sts import MtaStsPolicy


@dataclass(frozen=True, slots=True)
class PublicSetup:
    """What the public documents and the DNS records say. Names are in A-labels."""

    host: str
    """What the server calls itself: `helloName` of the server that other servers send to."""
    services: tuple[Service, ...]
    web_host: str
    """The host whose HTTPS port serves the public documents."""
    policy: MtaStsPolicy
    display_name: str = ""
    """What mail programs call the provider; empty for the domain."""
