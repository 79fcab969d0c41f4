"""/address/aliases: further addresses of users."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.domains.service import DomainList
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.users.service import UsersRepository
from compostela.model.mail_address import MailAddress
from compostela.web.webadmin.errors import conflict, invalid
from compostela.web.webadmin.json import JsonResponse, no_content
from compostela.web.webadmin.parameters import address_of

_SOURCE = "/address/aliases/{destination}/sources/{alias}"


class AddressAliasRoutes:
    def __init__(self, domains: DomainList, users: UsersRepository, rewriting: RecipientRewriteTable) -> None:
        self._domains = domains
        self._users = users
        self._rewriting = rewriting

    def routes(self) -> list[Route]:
        return [
            Route("/address/aliases", self.destinations, methods=["GET"]),
            Route("/address/aliases/{destination}", self.sources, methods=["GET"]),
            Route(_SOURCE, self.add, methods=["PUT"]),
            Route(_SOURCE, self.remove, methods=["DELETE"]),
        ]

    async def destinations(self, _: Request) -> Response:
        """Addresses that have aliases."""
        found = {
            mapping.text
            async for _, mappings in self._rewriting.all()
            for mapping in mappings
            if mapping.type is MappingType.ALIAS
        }
        return JsonResponse(sorted(found))

    async def sources(self, request: Request) -> Response:
        """Aliases of an address."""
        destination = address_of(request, "destination")
        sources = await self._rewriting.sources(_alias_to(destination))
        return JsonResponse([{"source": str(source)} for source in sorted(sources, key=str)])

    async def add(self, request: Request) -> Response:
        """Mail for the alias goes to the destination."""
        alias, destination = address_of(request, "alias"), address_of(request, "destination")
        if alias == destination:
            raise invalid(f"Source and destination can't be the same : '{destination}'")
        if not await self._domains.contains(alias.domain):
            raise invalid(f"The domain of the alias '{alias}' is not managed by this server")
        if await self._users.user_for(alias) is not None:
            raise conflict(f"The alias source exists as an user already: {alias}")
        await self._rewriting.add(MappingSource.of_address(alias), _alias_to(destination))
        return no_content()

    async def remove(self, request: Request) -> Response:
        """Removes an alias."""
        alias, destination = address_of(request, "alias"), address_of(request, "destination")
        await self._rewriting.remove(MappingSource.of_address(alias), _alias_to(destination))
        return no_content()


def _alias_to(destination: MailAddress) -> Mapping:
    return Mapping(MappingType.ALIAS, str(destination).lower())
