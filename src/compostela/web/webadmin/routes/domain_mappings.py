"""/domainMappings: domains whose mail goes to the same local parts of others."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.web.webadmin.errors import invalid, not_found
from compostela.web.webadmin.json import JsonResponse, body_bytes, no_content
from compostela.web.webadmin.parameters import domain_of


class DomainMappingRoutes:
    def __init__(self, rewriting: RecipientRewriteTable) -> None:
        self._rewriting = rewriting

    def routes(self) -> list[Route]:
        return [
            Route("/domainMappings", self.all, methods=["GET"]),
            Route("/domainMappings/{domain}", self.targets, methods=["GET"]),
            Route("/domainMappings/{domain}", self.add, methods=["PUT"]),
            Route("/domainMappings/{domain}", self.remove, methods=["DELETE"]),
        ]

    async def all(self, _: Request) -> Response:
        """All domain mappings, by their source."""
        sources = await self._rewriting.sources_with(MappingType.DOMAIN)
        return JsonResponse({source.domain.name: await self._targets(source) for source in sources})

    async def targets(self, request: Request) -> Response:
        """The domains that mail for a domain goes to."""
        domain = domain_of(request)
        targets = await self._targets(MappingSource.of_domain(domain))
        if not targets:
            raise not_found(f"Cannot find mappings for {domain}")
        return JsonResponse(targets)

    async def _targets(self, source: MappingSource) -> list[str]:
        mappings = await self._rewriting.mappings(source)
        return sorted(mapping.text for mapping in mappings if mapping.type is MappingType.DOMAIN)

    async def add(self, request: Request) -> Response:
        """Mail for the domain goes to the same local parts of the one that the body names, as plain text."""
        await self._rewriting.add(*await self._mapping(request))
        return no_content()

    async def remove(self, request: Request) -> Response:
        """Removes the mapping to the domain that the body names, as plain text."""
        await self._rewriting.remove(*await self._mapping(request))
        return no_content()

    async def _mapping(self, request: Request) -> tuple[MappingSource, Mapping]:
        try:
            target = (await body_bytes(request)).decode().strip()
        except UnicodeDecodeError:
            raise invalid("the body is not UTF-8 text") from None
        return MappingSource.of_domain(domain_of(request)), Mapping(MappingType.DOMAIN, target)
