"""/mappings: the whole recipient rewrite table, mappings by regular expression, and plain ones between addresses."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.web.webadmin.errors import invalid
from compostela.web.webadmin.json import JsonResponse, no_content, read_json
from compostela.web.webadmin.parameters import address_of

_TYPES = {
    "Alias": MappingType.ALIAS,
    "Group": MappingType.GROUP,
    "Forward": MappingType.FORWARD,
    "Address": MappingType.ADDRESS,
    "Domain": MappingType.DOMAIN,
    "DomainAlias": MappingType.DOMAIN_ALIAS,
    "Regex": MappingType.REGEX,
    "Error": MappingType.ERROR,
}
_NAMES = {kind: name for name, kind in _TYPES.items()}
_REGEX = "/mappings/regex/{source}/targets/{target}"
_ADDRESS = "/mappings/address/{source}/targets/{target}"


class _NamedMapping(msgspec.Struct):
    """A mapping as the API writes it."""

    type: str
    mapping: str

    def read(self) -> Mapping:
        return Mapping(_type(self.type), self.mapping)


class MappingRoutes:
    def __init__(self, rewriting: RecipientRewriteTable) -> None:
        self._rewriting = rewriting

    def routes(self) -> list[Route]:
        return [
            Route("/mappings", self.all, methods=["GET"]),
            Route("/mappings", self.add_all, methods=["PUT"]),
            Route("/mappings/user/{user}", self.of_address, methods=["GET"]),
            Route("/mappings/sources/{target}", self.sources, methods=["GET"]),
            Route("/mappings/sources/{target}", self.remove_sources, methods=["DELETE"]),
            Route(_REGEX, self.add_regex, methods=["POST"]),
            Route(_REGEX, self.remove_regex, methods=["DELETE"]),
            Route(_ADDRESS, self.add_address, methods=["POST"]),
            Route(_ADDRESS, self.remove_address, methods=["DELETE"]),
        ]

    async def all(self, _: Request) -> Response:
        """The whole table, by source."""
        return JsonResponse({str(source): _documents(mappings) async for source, mappings in self._rewriting.all()})

    async def add_all(self, request: Request) -> Response:
        """Adds each mapping of a document as `GET /mappings` gives it. All are added before the first wrong one."""
        document = await read_json(request, dict[str, list[_NamedMapping]])
        wanted = [(MappingSource.parse(source), one.read()) for source, found in document.items() for one in found]
        for source, mapping in wanted:
            await self._rewriting.add(source, mapping)
        return no_content()

    async def of_address(self, request: Request) -> Response:
        """Mappings of an address."""
        source = MappingSource.parse(request.path_params["user"])
        return JsonResponse(_documents(await self._rewriting.mappings(source)))

    async def sources(self, request: Request) -> Response:
        """What is mapped to a target by mappings of the given type."""
        sources = await self._rewriting.sources(_target(request))
        return JsonResponse(sorted(str(source) for source in sources))

    async def remove_sources(self, request: Request) -> Response:
        """Removes all mappings of the given type to a target."""
        mapping = _target(request)
        for source in await self._rewriting.sources(mapping):
            await self._rewriting.remove(source, mapping)
        return no_content()

    async def add_regex(self, request: Request) -> Response:
        """Mail for addresses of the source that match goes to what the template makes of them: `pattern:template`."""
        await self._rewriting.add(*_regex(request))
        return no_content()

    async def remove_regex(self, request: Request) -> Response:
        """Removes a mapping by regular expression."""
        await self._rewriting.remove(*_regex(request))
        return no_content()

    async def add_address(self, request: Request) -> Response:
        """Mail for the source goes to the target."""
        await self._rewriting.add(*_address(request))
        return no_content()

    async def remove_address(self, request: Request) -> Response:
        """Removes a mapping between addresses."""
        await self._rewriting.remove(*_address(request))
        return no_content()


def _documents(mappings: list[Mapping]) -> list[dict[str, str]]:
    return [{"type": _NAMES[mapping.type], "mapping": mapping.text} for mapping in mappings]


def _type(name: str) -> MappingType:
    kind = {known.lower(): kind for known, kind in _TYPES.items()}.get(name.lower())
    if kind is None:
        raise invalid(f"{name!r} is no type of mapping: [{', '.join(_TYPES)}]")
    return kind


def _target(request: Request) -> Mapping:
    kind = _type(request.query_params.get("type", ""))
    return Mapping(kind, request.path_params["target"])


def _regex(request: Request) -> tuple[MappingSource, Mapping]:
    source = MappingSource.parse(request.path_params["source"])
    return source, Mapping(MappingType.REGEX, request.path_params["target"])


def _address(request: Request) -> tuple[MappingSource, Mapping]:
    source, target = MappingSource.parse(request.path_params["source"]), address_of(request, "target")
    return source, Mapping(MappingType.ADDRESS, str(target))
