"""/domains: managed domains, their users and their aliases."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.domains.service import DomainList
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.tasks.service import Tasks
from compostela.core.users.service import UsersRepository
from compostela.core.users.tasks import DeleteDomainData, DeleteDomainDataTask
from compostela.model.domain import Domain
from compostela.web.webadmin.errors import invalid, not_found
from compostela.web.webadmin.json import JsonResponse, no_content
from compostela.web.webadmin.parameters import chosen_of, domain_of
from compostela.web.webadmin.tasks import submitted


class DomainRoutes:
    def __init__(
        self, domains: DomainList, users: UsersRepository, rewriting: RecipientRewriteTable, tasks: Tasks
    ) -> None:
        self._domains = domains
        self._users = users
        self._rewriting = rewriting
        self._tasks = tasks

    def routes(self) -> list[Route]:
        return [
            Route("/domains", self.list, methods=["GET"]),
            Route("/domains/{domain}", self.exists, methods=["GET"]),
            Route("/domains/{domain}", self.add, methods=["PUT"]),
            Route("/domains/{domain}", self.remove, methods=["DELETE"]),
            Route("/domains/{domain}", self.delete_data, methods=["POST"]),
            Route("/domains/{domain}/users", self.users, methods=["GET"]),
            Route("/domains/{domain}/aliases", self.aliases, methods=["GET"]),
            Route("/domains/{domain}/aliases/{source}", self.add_alias, methods=["PUT"]),
            Route("/domains/{domain}/aliases/{source}", self.remove_alias, methods=["DELETE"]),
        ]

    async def list(self, _: Request) -> Response:
        """All managed domains."""
        return JsonResponse([str(domain) for domain in await self._domains.all()])

    async def exists(self, request: Request) -> Response:
        """204 when the domain is managed here, otherwise 404."""
        await self._check_managed(domain_of(request))
        return no_content()

    async def add(self, request: Request) -> Response:
        """Manages the domain."""
        await self._domains.add(domain_of(request))
        return no_content()

    async def remove(self, request: Request) -> Response:
        """No longer manages the domain; its aliases go with it."""
        domain = domain_of(request)
        await self._domains.remove(domain)
        for source in await self._rewriting.sources(_alias_to(domain)):
            await self._rewriting.remove(source, _alias_to(domain))
        return no_content()

    async def delete_data(self, request: Request) -> Response:
        """With `action=deleteData`, a task that deletes what is kept of all users of the domain; the accounts stay."""
        chosen_of(request, "action", ["deleteData"])
        domain = domain_of(request)
        if not await self._domains.contains(domain):
            raise invalid(f"'domainName' parameter should be an existing domain: {domain}")
        return await submitted(self._tasks, DeleteDomainDataTask.name, DeleteDomainData(domain.name))

    async def users(self, request: Request) -> Response:
        """Users in the domain."""
        domain = domain_of(request)
        await self._check_managed(domain)
        return JsonResponse([str(user) async for user in self._users.names(domain)])

    async def aliases(self, request: Request) -> Response:
        """Domains whose mail goes to the users of this one."""
        domain = domain_of(request)
        sources = await self._rewriting.sources(_alias_to(domain))
        if not sources:
            await self._check_managed(domain)
        return JsonResponse([{"source": str(source.domain)} for source in sources])

    async def add_alias(self, request: Request) -> Response:
        """Mail for `source` goes to the same local parts here."""
        source, target = self._alias(request)
        await self._check_managed(source)
        await self._rewriting.add(MappingSource.of_domain(source), _alias_to(target))
        return no_content()

    async def remove_alias(self, request: Request) -> Response:
        """Removes a domain alias."""
        source, target = self._alias(request)
        await self._check_managed(source)
        await self._rewriting.remove(MappingSource.of_domain(source), _alias_to(target))
        return no_content()

    def _alias(self, request: Request) -> tuple[Domain, Domain]:
        source, target = domain_of(request, "source"), domain_of(request)
        if source == target:
            raise invalid(f"Source domain and destination domain can not have same value({source})")
        return source, target

    async def _check_managed(self, domain: Domain) -> None:
        if not await self._domains.contains(domain):
            raise not_found(f"The domain list does not contain: {domain}")


def _alias_to(target: Domain) -> Mapping:
    return Mapping(MappingType.DOMAIN_ALIAS, str(target))
