"""/droplist: senders that may not write to anybody, to a domain, or to a user."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.drop_lists.model import GLOBAL, Denied, DeniedKind, DropList, Scope
from compostela.core.drop_lists.ports import DropListStore
from compostela.web.webadmin.errors import not_found
from compostela.web.webadmin.json import JsonResponse, no_content
from compostela.web.webadmin.parameters import chosen_of

_KINDS = [kind.value for kind in DeniedKind]


class DropListRoutes:
    def __init__(self, store: DropListStore) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        routes = []
        for path in ("/droplist/global", "/droplist/{scope}/{owner}"):
            entry = f"{path}/{{denied}}"
            routes += [
                Route(path, self.entries, methods=["GET"]),
                Route(entry, self.exists, methods=["HEAD"]),
                Route(entry, self.add, methods=["PUT"]),
                Route(entry, self.remove, methods=["DELETE"]),
            ]
        return routes

    async def entries(self, request: Request) -> Response:
        """Addresses and domains of a list; with `deniedEntityType` (`address` or `domain`) only these."""
        wanted = chosen_of(request, "deniedEntityType", _KINDS) if "deniedEntityType" in request.query_params else None
        batches = self._store.entries(_list_of(request))
        return JsonResponse([
            one.name async for batch in batches for one in batch if wanted is None or one.kind.value == wanted
        ])  # fmt: skip

    async def exists(self, request: Request) -> Response:
        """204 when the list has the entry, otherwise 404."""
        if not await self._store.contains(_list_of(request), _denied_of(request)):
            raise not_found("The entry is not in the drop list")
        return no_content()

    async def add(self, request: Request) -> Response:
        """Adds an address or a domain to a list."""
        await self._store.add(_list_of(request), _denied_of(request))
        return no_content()

    async def remove(self, request: Request) -> Response:
        """Removes an address or a domain from a list."""
        await self._store.remove(_list_of(request), _denied_of(request))
        return no_content()


def _list_of(request: Request) -> DropList:
    scope = request.path_params.get("scope")
    if scope is None:
        return GLOBAL
    if scope not in (Scope.DOMAIN.value, Scope.USER.value):
        raise not_found(f"{scope} is no scope of drop lists: domain, user")
    return DropList.of(Scope(scope), request.path_params["owner"])


def _denied_of(request: Request) -> Denied:
    return Denied.parse(request.path_params["denied"])
