"""Rules of the domain list."""

import pytest

from compostela.base.errors import InvalidArgument
from compostela.core.domains.settings import read_domain_list_settings
from compostela.model.domain import LOCALHOST, Domain
from tests.unit.core.accounts import Accounts, element, reader


async def test_configured_domains_are_added_and_stay(accounts: Accounts) -> None:
    assert await accounts.domains.all() == [Domain("example.net"), Domain("example.org"), LOCALHOST]
    for domain in (LOCALHOST, Domain("example.org")):
        with pytest.raises(InvalidArgument):
            await accounts.domains.remove(domain)
    await accounts.domains.add_configured()
    assert len(await accounts.domains.all()) == 3


async def test_a_domain_comes_and_goes(accounts: Accounts) -> None:
    domain = Domain("example.com")
    assert await accounts.domains.add(domain)
    assert not await accounts.domains.add(domain)
    assert await accounts.domains.contains(domain)
    assert await accounts.domains.remove(domain)
    assert not await accounts.domains.remove(domain)
    with pytest.raises(InvalidArgument):
        await accounts.domains.add(Domain("[192.0.2.1]"))


def test_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOMAIN", "Env.example")
    settings, problems = reader(
        element("autodetect", "false"),
        element("autodetectIP", "true"),
        element("defaultDomain", "Example.org"),
        element("domainnames", "", element("domainname", "a.example"), element("domainname", "no@domain")),
    )
    read = read_domain_list_settings(settings)
    assert read.default_domain == Domain("example.org")
    assert read.domains == (Domain("a.example"), Domain("env.example"))
    assert sorted(problem.severity.value for problem in problems.found) == ["error", "not yet in effect"]
