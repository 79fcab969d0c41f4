"""Every port says how both editions keep its promise, and has a contract that is run."""

import inspect
import re
from collections.abc import Callable
from functools import cache

import pytest
from tools.reference.ports import PATH, page

from tests.structure.modules import ROOT, contracts, members_of, ports

NAMES: Callable[[type], str] = lambda one: one.__name__  # noqa: E731 - the ids of parameters


@cache
def _test_modules() -> str:
    return "\n".join(path.read_text() for path in sorted((ROOT / "tests").rglob("test_*.py")))


def _contracts_of(port: type) -> list[type]:
    return [one for one in contracts() if port in vars(one).get("ports", ())]


def test_there_are_ports() -> None:
    assert {"MailboxStore", "MailQueue", "BlobStore", "UserStore", "DnsResolver"} <= {port.__name__ for port in ports()}


@pytest.mark.parametrize("port", ports(), ids=NAMES)
def test_a_port_has_a_contract(port: type) -> None:
    assert _contracts_of(port), f"no class in tests/contracts has {port.__name__} among its 'ports'"


@pytest.mark.parametrize("port", ports(), ids=NAMES)
def test_a_contract_asks_for_every_member(port: type) -> None:
    source = "\n".join(
        inspect.getsource(module) for module in map(inspect.getmodule, _contracts_of(port)) if module is not None
    )
    unasked = {
        name
        for name, is_method in members_of(port).items()
        if not re.search(rf"\.{name}\(" if is_method else rf"\.{name}\b", source)
    }
    assert not unasked, f"the contracts of {port.__name__} never use {sorted(unasked)}"


@pytest.mark.parametrize("port", ports(), ids=NAMES)
def test_a_port_tells_how_each_edition_keeps_its_promise(port: type) -> None:
    text = (inspect.getdoc(port) or "").lower()
    for edition in ("embedded", "distributed"):
        assert edition in text, f"the docstring of {port.__module__}.{port.__name__} does not speak of {edition}"


@pytest.mark.slow
def test_the_table_of_ports_is_up_to_date() -> None:
    assert PATH.read_text() == page(), "run 'make reference' and commit docs/developers/ports.md"


@pytest.mark.parametrize("contract", contracts(), ids=NAMES)
def test_a_contract_is_run(contract: type) -> None:
    assert vars(contract).get("ports"), f"{contract.__name__} does not say for which ports it is"
    assert re.search(rf"class Test\w+\({contract.__name__}\)", _test_modules()), f"nobody runs {contract.__name__}"
