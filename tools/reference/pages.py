"""The pages of the reference manual. Each is a function without arguments that gives the text."""

import asyncio
import inspect
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from compostela.app.cli import main
from compostela.app.configuration import folder
from compostela.app.server.life_cycle import Server
from compostela.app.stores import unopened_stores
from compostela.base.settings import Problems
from compostela.processing.mailets import MAILETS, MAILETS_WITHOUT_EFFECT
from compostela.processing.matchers import MATCHERS
from compostela.processing.matchers.composites import COMPOSITES
from compostela.smtp_hooks import HOOKS, chain
from tools.reference.configuration import lines as configuration_lines
from tools.reference.rows import rows_of

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
WIDTH = 100
NOTE = "<!-- Made from the code by `make reference`: change the docstrings there, not this page. -->"


def configuration() -> str:
    return _page(configuration_lines())


def processing() -> str:
    lines = [
        "# Mailets, matchers and SMTP hooks",
        "",
        "Each can be named as here, with James's package before it, or, one of your own, by its dotted path or entry point. See the",
        "[developers' guide](../developers/README.md).",
        "",
        "## Mailets",
    ]
    for name, mailet in sorted(MAILETS.items()):
        lines += ["", f"### {name}", "", _doc(mailet), *_parameters(mailet.parameters)]
    lines += ["", "Let every mail pass until they exist:", "", *_wrapped(sorted(MAILETS_WITHOUT_EFFECT))]
    lines += ["", "## Matchers", "", "| matcher | recipients that match |", "|---|---|"]
    lines += [f"| `{name}` | {_doc(factory)} |" for name, factory in sorted(MATCHERS.items())]
    lines += ["", "Made of the matchers inside them:", "", "| matcher | recipients that match |", "|---|---|"]
    lines += [f"| `{name}` | {_doc(factory)} |" for name, factory in sorted(COMPOSITES.items())]
    lines += ["", "## SMTP hooks"]
    for name, hook in sorted(HOOKS.items()):
        lines += ["", f"### {name}", "", _doc(hook), *_parameters(hook.parameters)]
    lines += ["", "Always there, and accepted by name:", "", *_wrapped(sorted(chain._CORE))]
    return _page(lines)


def _parameters(declared: type) -> list[str]:
    table = rows_of(declared).table()
    return ["", *table] if table else []


async def _with_server(make: Callable[[Server], str]) -> str:
    """The page of a server without configuration, which is made and not started."""
    with tempfile.TemporaryDirectory() as empty:
        problems = Problems()
        server = Server(folder.load(Path(empty), Path(empty, "data"), problems), unopened_stores(), problems)
        try:
            return make(server)
        finally:
            await server.close()


def webadmin() -> str:
    return asyncio.run(_with_server(_webadmin))


def _webadmin(server: Server) -> str:
    groups: dict[str, list[str]] = {}
    for route in (route for group in server.route_groups() for route in group.routes()):
        endpoint = getattr(route, "endpoint", None)
        methods = sorted(getattr(route, "methods", None) or ())
        methods = ["GET"] if methods == ["GET", "HEAD"] else methods
        module = inspect.getmodule(endpoint)
        if methods == ["OPTIONS"] or module is None:
            continue
        path = str(getattr(route, "path", "")).replace(":path}", "}")
        row = f"| {', '.join(methods)} | `{path}` | {_doc(endpoint)} |"
        groups.setdefault(inspect.getdoc(module) or "", []).append(row)
    lines = ["# Administration API", "", "As Apache James's WebAdmin; JSON in and out."]
    for title, rows in groups.items():
        name, _, text = " ".join(title.split()).partition(": ")
        lines += ["", f"## {name.rstrip('.')}", "", *([text[:1].upper() + text[1:], ""] if text else [])]
        lines += ["| method | path | what |", "|---|---|---|", *rows]
    return _page(lines)


def commands() -> str:
    lines = ["# Commands"]
    root = click.Context(
        main, info_name="compostela", terminal_width=WIDTH, max_content_width=WIDTH, **main.context_settings
    )
    for context in _contexts(root):
        lines += ["", f"## {context.command_path}", "", "```text", *context.get_help().splitlines(), "```"]
    return _page(lines)


def _contexts(context: click.Context) -> Iterable[click.Context]:
    """A command and all that are in it."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            found = context.command.get_command(context, name)
            assert found is not None
            yield from _contexts(click.Context(found, parent=context, info_name=name))


def index() -> str:
    return _page([
        "# Reference",
        "",
        "- [Configuration files](configuration.md): every element with its type and its default",
        "- [Mailets, matchers and SMTP hooks](processing.md) with their parameters",
        "- [Administration API](webadmin.md): every route",
        "- [Commands](commands.md) of the command line",
    ])  # fmt: skip


PAGES: dict[str, Callable[[], str]] = {
    "README.md": index,
    "configuration.md": configuration,
    "processing.md": processing,
    "webadmin.md": webadmin,
    "commands.md": commands,
}


def write() -> None:
    """All pages to docs/reference."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make())


def _doc(thing: object) -> str:
    return " ".join((inspect.getdoc(thing) or "").split())


def _wrapped(names: Iterable[str]) -> list[str]:
    return [", ".join(f"`{name}`" for name in names) + "."]


def _page(lines: list[str]) -> str:
    return "\n".join([NOTE, "", *(line.rstrip() for line in lines), ""])
