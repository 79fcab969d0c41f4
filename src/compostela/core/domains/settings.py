"""`domainlist.xml`."""

import os
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.model.domain import LOCALHOST, Domain


@dataclass(frozen=True, slots=True)
class DomainListSettings:
    """Which domains are managed whatever an administrator adds."""

    default_domain: Domain = LOCALHOST
    """Takes mail for addresses without a domain; added if missing."""
    domains: tuple[Domain, ...] = ()
    """Domains of the configuration, added at every start."""


def read_domain_list_settings(settings: Settings) -> DomainListSettings:
    """Reads the whole file. The environment variable DOMAIN names one domain more."""
    default = settings.parsed("defaultDomain", LOCALHOST, Domain.parse)
    names = settings.section("domainnames")
    domains: list[Domain] = []
    for text in [*(names.strings("domainname") if names is not None else []), os.environ.get("DOMAIN", "")]:
        if text:
            try:
                domains.append(Domain.parse(text))
            except InvalidArgument as wrong:
                settings.error(str(wrong), "domainnames")
    settings.ignored("class", "read.cache.enable", "read.cache.expiracy")
    for name in ("autodetect", "autodetectIP"):
        if settings.boolean(name, False):
            settings.not_yet(name)
    settings.finish()
    return DomainListSettings(default, tuple(domains))
