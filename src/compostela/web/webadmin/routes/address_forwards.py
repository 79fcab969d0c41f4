"""/address/forwards: where users have their mail sent on to."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.users.service import UsersRepository
from compostela.web.webadmin.errors import invalid, not_found
from compostela.web.webadmin.json import JsonResponse, no_content
from compostela.web.webadmin.parameters import address_of

_TARGET = "/address/forwards/{user}/targets/{target}"


class AddressForwardRoutes:
    def __init__(self, users: UsersRepository, rewriting: RecipientRewriteTable) -> None:
        self._users = users
        self._rewriting = rewriting

    def routes(self) -> list[Route]:
        return [
            Route("/address/forwards", self.users, methods=["GET"]),
            Route("/address/forwards/{user}", self.targets, methods=["GET"]),
            Route("/address/forwards/{user}", self.refuse, methods=["PUT", "DELETE"]),
            Route("/address/forwards/{user}/targets", self.refuse, methods=["PUT", "DELETE"]),
            Route(_TARGET, self.add, methods=["PUT"]),
            Route(_TARGET, self.remove, methods=["DELETE"]),
        ]

    async def users(self, _: Request) -> Response:
        """Users whose mail is sent on."""
        return JsonResponse([str(user) for user in await self._rewriting.sources_with(MappingType.FORWARD)])

    async def targets(self, request: Request) -> Response:
        """Where a user's mail is sent on to; his own address among them keeps a copy."""
        user = MappingSource.of_address(address_of(request, "user"))
        mappings = await self._rewriting.mappings(user)
        targets = sorted(mapping.text for mapping in mappings if mapping.type is MappingType.FORWARD)
        if not targets:
            raise not_found("The forward does not exist")
        return JsonResponse([{"mailAddress": target} for target in targets])

    async def refuse(self, _: Request) -> Response:
        """400: a forward is made with its first target, and gone with its last one."""
        raise invalid("A destination address needs to be specified, as in /address/forwards/{user}/targets/{target}")

    async def add(self, request: Request) -> Response:
        """Sends the user's mail on to the target too. Without his own address among the targets he gets none himself."""
        address = address_of(request, "user")
        if await self._users.user_for(address) is None:
            raise not_found("Requested base forward address does not correspond to a user")
        await self._rewriting.add(*self._forward(request))
        return no_content()

    async def remove(self, request: Request) -> Response:
        """Removes a target."""
        await self._rewriting.remove(*self._forward(request))
        return no_content()

    def _forward(self, request: Request) -> tuple[MappingSource, Mapping]:
        user, target = address_of(request, "user"), address_of(request, "target")
        return MappingSource.of_address(user), Mapping(MappingType.FORWARD, str(target))
