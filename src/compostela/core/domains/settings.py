"""`domainlist.xml`."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from compostela.base.declarations import Boolean, Many, Parsed
from compostela.base.declared import Declared, read
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings
from compostela.model.domain import LOCALHOST, Domain


@dataclass(frozen=True, slots=True)
class DomainListSettings(Declared):
    """Which domains are managed whatever an administrator adds."""

    WITHOUT_EFFECT = ("class", "read.cache.enable", "read.cache.expiracy")

    default_domain: Annotated[Domain, Parsed("defaultDomain", Domain.parse)] = LOCALHOST
    """Takes mail for addresses without a domain; added if missing."""
    domains: Annotated[tuple[Domain, ...], Many("domainnames/domainname", Domain.parse)] = ()
    """Domains of the configuration and those that were detected, added at every start."""
    autodetect: Annotated[bool, Boolean("autodetect")] = False
    """Manage the machine's own name as a domain. It is the default domain if that would be `localhost`."""
    autodetect_addresses: Annotated[bool, Boolean("autodetectIP")] = False
    """Manage its addresses as domains."""


Detect = Callable[[bool], Sequence[Domain]]
"""The machine's own name, or with True its addresses."""


def read_domain_list_settings(settings: Settings, detect: Detect = lambda _: ()) -> DomainListSettings:
    """Reads the whole file. The environment variable DOMAIN names one domain more."""
    made = read(DomainListSettings, settings)
    settings.finish()
    own = detect(False) if made.autodetect else ()
    addresses = detect(True) if made.autodetect_addresses else ()
    domains = dict.fromkeys([*made.domains, *_of_environment(settings), *own, *addresses])
    default = own[0] if own and made.default_domain == LOCALHOST else made.default_domain
    return replace(made, default_domain=default, domains=tuple(domains))


def _of_environment(settings: Settings) -> list[Domain]:
    text = os.environ.get("DOMAIN", "")
    try:
        return [Domain.parse(text)] if text else []
    except InvalidArgument as wrong:
        settings.error(f"the environment variable DOMAIN: {wrong}")
        return []
