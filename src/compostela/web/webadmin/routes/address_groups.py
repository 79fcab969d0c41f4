"""/address/groups: addresses whose mail goes to several members."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.web.webadmin.errors import invalid, not_found
from compostela.web.webadmin.json import JsonResponse, no_content
from compostela.web.webadmin.parameters import address_of

_MEMBER = "/address/groups/{group}/{member}"


class AddressGroupRoutes:
    def __init__(self, rewriting: RecipientRewriteTable) -> None:
        self._rewriting = rewriting

    def routes(self) -> list[Route]:
        return [
            Route("/address/groups", self.groups, methods=["GET"]),
            Route("/address/groups", self.remove_all, methods=["DELETE"]),
            Route("/address/groups/{group}", self.members, methods=["GET"]),
            Route("/address/groups/{group}", self.refuse, methods=["PUT", "DELETE"]),
            Route(_MEMBER, self.add, methods=["PUT"]),
            Route(_MEMBER, self.remove, methods=["DELETE"]),
        ]

    async def groups(self, _: Request) -> Response:
        """All groups."""
        return JsonResponse([str(group) for group in await self._rewriting.sources_with(MappingType.GROUP)])

    async def remove_all(self, _: Request) -> Response:
        """Removes all groups."""
        for group in await self._rewriting.sources_with(MappingType.GROUP):
            for mapping in await self._rewriting.mappings(group):
                if mapping.type is MappingType.GROUP:
                    await self._rewriting.remove(group, mapping)
        return no_content()

    async def members(self, request: Request) -> Response:
        """Members of a group."""
        group = MappingSource.of_address(address_of(request, "group"))
        mappings = await self._rewriting.mappings(group)
        members = sorted(mapping.text for mapping in mappings if mapping.type is MappingType.GROUP)
        if not members:
            raise not_found("The group does not exist")
        return JsonResponse(members)

    async def refuse(self, _: Request) -> Response:
        """400: a group is made with its first member, and gone with its last one."""
        raise invalid("A group member needs to be specified, as in /address/groups/{group}/{member}")

    async def add(self, request: Request) -> Response:
        """Adds a member; the first one makes the group."""
        await self._rewriting.add(*self._membership(request))
        return no_content()

    async def remove(self, request: Request) -> Response:
        """Removes a member."""
        await self._rewriting.remove(*self._membership(request))
        return no_content()

    def _membership(self, request: Request) -> tuple[MappingSource, Mapping]:
        group, member = address_of(request, "group"), address_of(request, "member")
        return MappingSource.of_address(group), Mapping(MappingType.GROUP, str(member))
