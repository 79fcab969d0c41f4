"""Rules of the domain list."""

import socket
from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument
from compostela.core.domains.service import DomainList
from compostela.core.domains.settings import DomainListSettings, read_domain_list_settings
from compostela.model.domain import LOCALHOST, Domain
from compostela.net.own_names import own_names
from compostela.testing.data_folder import open_store
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
        element("defaultDomain", "Example.org"),
        element("domainnames", "", element("domainname", "a.example"), element("domainname", "no@domain")),
    )
    read = read_domain_list_settings(settings)
    assert read.default_domain == Domain("example.org")
    assert read.domains == (Domain("a.example"), Domain("env.example"))
    assert sorted(problem.severity.value for problem in problems.found) == ["error"]


def detected(addresses: bool) -> list[Domain]:
    return [Domain("[192.0.2.1]")] if addresses else [Domain("host.example")]


@pytest.mark.parametrize(
    ("autodetect", "with_addresses", "default", "wanted_default", "wanted"),
    [
        ("true", "false", "", "host.example", ["host.example"]),
        ("true", "true", "example.org", "example.org", ["host.example", "[192.0.2.1]"]),
        ("false", "true", "", "localhost", ["[192.0.2.1]"]),
        ("false", "false", "", "localhost", []),
    ],
)
def test_the_machines_own_names_are_managed_if_that_is_asked_for(
    autodetect: str, with_addresses: str, default: str, wanted_default: str, wanted: list[str]
) -> None:
    settings, problems = reader(
        element("autodetect", autodetect), element("autodetectIP", with_addresses), element("defaultDomain", default)
    )
    read = read_domain_list_settings(settings, detected)
    assert (read.default_domain.name, [one.name for one in read.domains]) == (wanted_default, wanted)
    assert problems.found == []


async def test_detected_domains_are_added_and_stay(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    domains = DomainList(store.domains, DomainListSettings(domains=(*detected(True), *detected(False))))
    await domains.add_configured()
    for domain in (*detected(True), *detected(False)):
        assert await domains.contains(domain)
        with pytest.raises(InvalidArgument, match="autodetect"):
            await domains.remove(domain)
    await store.close()


def test_what_this_machine_is_called() -> None:
    assert [one.name for one in own_names(addresses=False)] == [socket.gethostname().lower()]
    assert all(one.name.startswith("[") for one in own_names(addresses=True))
