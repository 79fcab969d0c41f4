"""`domainlist.xml`."""

import os
from collections.abc import Callable, Sequence
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
    """Domains of the configuration and those that were detected, added at every start."""


Detect = Callable[[bool], Sequence[Domain]]
"""The machine's own name, or with True its addresses."""


def read_domain_list_settings(settings: Settings, detect: Detect = lambda _: ()) -> DomainListSettings:
    """Reads the whole file. The environment variable DOMAIN names one domain more. With `autodetect` the machine's own name is
    managed, and is the default domain if that would be `localhost`; with `autodetectIP` its addresses are too."""
    default = settings.parsed("defaultDomain", LOCALHOST, Domain.parse)
    names = settings.section("domainnames")
    domains: list[Domain] = []
    for text in [*(names.strings("domainname") if names is not None else []), os.environ.get("DOMAIN", "")]:
        if text:
            try:
                domains.append(Domain.parse(text))
            except InvalidArgument as wrong:
                settings.error(str(wrong), "domainnames")
    own = detect(False) if settings.boolean("autodetect", False) else ()
    if own and default == LOCALHOST:
        default = own[0]
    addresses = detect(True) if settings.boolean("autodetectIP", False) else ()
    settings.ignored("class", "read.cache.enable", "read.cache.expiracy")
    settings.finish()
    return DomainListSettings(default, tuple(dict.fromkeys([*domains, *own, *addresses])))
