"""docs/developers/ports.md: every port with what implements it in each edition and the contract that it is held to."""

import ast
import inspect
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tests.structure.modules import ROOT, classes_of, contracts, members_of, modules_of, ports

ADAPTERS = "compostela.adapters."
PATH = ROOT / "docs" / "developers" / "ports.md"
EDITIONS = {
    "embedded": ("embedded", "in_process"),
    "distributed": ("cassandra", "rabbitmq", "s3", "opensearch", "redis"),
}
"""The adapters of the stores that one edition opens. All others, and what is in no adapter, serve both."""
NONE = "none"
"""What an edition has for a port that it does not need, or not yet."""
_HEAD = """<!-- Made from the code by `make reference`: change the docstrings and contracts there, not this page. -->

# Ports

A port is a protocol in `core`, `processing` or `base` that an adapter implements. Its docstring says what it promises: order, durability,
errors, what may be repeated, and how the embedded and the distributed edition keep that. Its contract is a class of tests that every
implementation passes unchanged. An edition opens the ports of its stores as
[`Stores`](../../src/compostela/app/stores.py); the others are made in [`app/server`](../../src/compostela/app/server) for every edition.

To add an implementation: write the adapter, derive a test class from the contract (as in `tests/adapters`), run `make reference`.

"""


def page() -> str:
    # the kit for tests is no part of the server
    modules = [one for one in modules_of("compostela") if not one.__name__.startswith("compostela.testing")]
    found = [one for one in classes_of(modules) if not getattr(one, "_is_protocol", False)]
    rows = ["| port | what it is | embedded | distributed | contract | run by |", "|---|---|---|---|---|---|"]
    for port in ports():
        classes = sorted((one for one in found if _implements(one, port)), key=lambda one: one.__name__)
        held_to = [one for one in contracts() if port in vars(one).get("ports", ())]
        cells = [
            _link(port),
            " ".join((inspect.getdoc(port) or "").split("\n\n")[0].split()).partition(". ")[0].rstrip("."),
            *(", ".join(_link(one) for one in classes if _serves(one, edition)) or NONE for edition in EDITIONS),
            ", ".join(_link(one) for one in held_to),
            ", ".join(f"`{name}`" for name in sorted({name for one in held_to for name in _runs(one)})),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return _HEAD + "\n".join(rows) + "\n"


def _implements(found: type, port: type) -> bool:
    """Whether a class has the port's methods, and is not a rule on top of that very port. An adapter may have another
    implementation at hand, for the time in which its engine is away."""
    methods = [name for name, is_method in members_of(port).items() if is_method]
    is_adapter = found.__module__.startswith(ADAPTERS)
    if not is_adapter and port.__name__ in str(inspect.signature(found.__init__)):
        return False
    return all(_takes_the_same(getattr(found, name, None), getattr(port, name)) for name in methods)


def _takes_the_same(method: object, of_port: object) -> bool:
    """Whether a method has the parameters of the port's, and others only with defaults."""
    theirs = _parameters(of_port)
    ours = _parameters(method)
    if ours is None or theirs is None:
        return False
    return list(ours)[: len(theirs)] == list(theirs) and all(list(ours.values())[len(theirs) :])


def _parameters(method: object) -> dict[str, bool] | None:
    """The names in their order, each with whether it may be left out."""
    if not callable(method):
        return None
    try:
        found = inspect.signature(method).parameters.values()
    except ValueError:
        # a function written in C, such as time.time
        return {}
    return {one.name: one.default is not one.empty for one in found if one.name != "self"}


def _serves(found: type, edition: str) -> bool:
    _, _, inside = found.__module__.partition(ADAPTERS)
    technology = inside.partition(".")[0]
    return technology in EDITIONS[edition] or not any(technology in only for only in EDITIONS.values())


def _runs(contract: type) -> Iterable[str]:
    """Test classes that are derived from a contract."""
    return (name for name, bases in _test_classes() if contract.__name__ in bases)


@cache
def _test_classes() -> list[tuple[str, list[str]]]:
    """Each with its base classes."""
    return [
        (node.name, [ast.unparse(base) for base in node.bases])
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    ]


def _link(found: type) -> str:
    path = Path(inspect.getfile(found)).relative_to(ROOT)
    return f"[{found.__name__}](../../{path})"


def write() -> None:
    PATH.write_text(page())
