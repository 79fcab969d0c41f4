"""What the proofs of the structure look at."""

import importlib
import inspect
import pkgutil
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
PORT_PACKAGES = ("compostela.base", "compostela.core", "compostela.processing")
"""Where ports may be. A protocol class elsewhere is an agreement within one package."""
CONTRACTS = "tests.contracts"


@cache
def modules_of(package: str) -> list[ModuleType]:
    root = importlib.import_module(package)
    found = [importlib.import_module(name) for _, name, _ in pkgutil.walk_packages(root.__path__, package + ".")]
    return [root, *found]


def classes_of(modules: list[ModuleType]) -> list[type]:
    return [
        found
        for module in modules
        for found in vars(module).values()
        if inspect.isclass(found) and found.__module__ == module.__name__
    ]


@cache
def members_of(port: type) -> dict[str, bool]:
    """What a port asks for: methods (True) and properties."""
    return {
        name: inspect.isfunction(value)
        for base in port.__mro__
        for name, value in vars(base).items()
        if base.__module__.startswith("compostela.")
        and not name.startswith("_")
        and (inspect.isfunction(value) or isinstance(value, property))
    }


def protocols() -> list[type]:
    found = {one for package in PORT_PACKAGES for one in classes_of(modules_of(package))}
    public = [one for one in found if getattr(one, "_is_protocol", False) and not one.__name__.startswith("_")]
    return sorted(public, key=lambda one: one.__qualname__)


@cache
def ports() -> list[type]:
    """Protocols, without those that only repeat a part of another for a caller that needs no more."""
    every = protocols()
    return [one for one in every if not any(members_of(one).keys() < members_of(other).keys() for other in every)]


@cache
def contracts() -> list[type]:
    """Classes of tests that say which ports they are for."""
    return [one for one in classes_of(modules_of(CONTRACTS)) if one.__name__.endswith("Contract")]
