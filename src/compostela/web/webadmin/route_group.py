"""The routes of one resource of the administration API. Imports no web framework: the configuration names groups of an operator's own."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from compostela.base.extensions import find_extension
from compostela.core.extension_parts import ExtensionParts

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

ENTRY_POINTS = "compostela.routes"


@runtime_checkable
class RouteGroup(Protocol):
    """The routes of one resource."""

    def routes(self) -> "Sequence[BaseRoute]":
        """Called once."""
        ...


RouteGroupFactory = Callable[[ExtensionParts], RouteGroup]


def own_route_group(name: str) -> RouteGroupFactory:
    """What makes a group of an operator's own, by entry point or dotted path. Raises `InvalidArgument`."""
    return cast("RouteGroupFactory", find_extension("group of routes", RouteGroup, name, ENTRY_POINTS))
