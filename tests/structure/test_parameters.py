"""Parameters of packaged mailets and SMTP hooks are declared, each with its meaning."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tools.reference.pages import PAGES

from compostela.app.configuration.folder import load
from compostela.app.server.life_cycle import Server
from compostela.app.stores import unopened_stores
from compostela.base.declared import elements, not_yet, without_effect
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Node, Place, Problems, Settings
from compostela.processing.mailets import MAILETS
from compostela.smtp_hooks import HOOKS


def _asked(make: Callable[..., object], context: object, name: str) -> set[str]:
    """The names that a constructor asks for. It may refuse to be made after that."""
    settings = Settings(Node(name, Place("x.xml")), Problems())
    try:
        make(settings, context)
    except InvalidArgument:
        pass
    return set(settings.known)


def _declared(parameters: type) -> set[str]:
    paths = [*(one.name for one in elements(parameters)), *without_effect(parameters), *not_yet(parameters)]
    return {path.partition("/")[0] for path in paths if path != "*"}


async def test_what_is_asked_for_is_declared(tmp_path: Path) -> None:
    problems = Problems()
    server = Server(load(tmp_path, tmp_path / "data", problems), unopened_stores(), problems)
    try:
        mailets = {
            name: (_asked(one, server.mailet_context, "mailet"), _declared(one.parameters))
            for name, one in MAILETS.items()
        }
        hooks = {
            name: (_asked(one, server.hook_context, "handler"), _declared(one.parameters))
            for name, one in HOOKS.items()
        }
    finally:
        await server.close()
    assert [name for name, (asked, declared) in {**mailets, **hooks}.items() if asked != declared] == []


@pytest.mark.slow
def test_every_parameter_has_a_meaning() -> None:
    rows = [line for line in PAGES["processing.md"]().splitlines() if re.match(r"\| `[^`]*` \| .* \| .* \|", line)]
    assert len(rows) > 350
    assert [row for row in rows if len(re.split(r"(?<!\\)\|", row)) != 6 or row.endswith("|  |")] == []
