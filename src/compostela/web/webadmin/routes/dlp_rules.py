"""/dlp/rules: rules of data leak prevention, by the domain of the sender."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.dlp.model import DlpRule, check_rules
from compostela.core.dlp.ports import DlpRuleStore
from compostela.core.domains.service import DomainList
from compostela.model.domain import Domain
from compostela.web.webadmin.errors import not_found
from compostela.web.webadmin.json import JsonResponse, no_content, read_json
from compostela.web.webadmin.parameters import domain_of


class _Rule(msgspec.Struct, rename="camel"):
    """A rule as the API writes it."""

    id: str
    expression: str
    explanation: str | None = None
    targets_sender: bool = False
    targets_recipients: bool = False
    targets_content: bool = False


class _Rules(msgspec.Struct):
    rules: list[_Rule]


class DlpRuleRoutes:
    def __init__(self, domains: DomainList, store: DlpRuleStore) -> None:
        self._domains = domains
        self._store = store

    def routes(self) -> list[Route]:
        return [
            Route("/dlp/rules/{domain}", self.rules, methods=["GET"]),
            Route("/dlp/rules/{domain}", self.replace, methods=["PUT"]),
            Route("/dlp/rules/{domain}", self.clear, methods=["DELETE"]),
            Route("/dlp/rules/{domain}/rules/{id}", self.rule, methods=["GET"]),
        ]

    async def rules(self, request: Request) -> Response:
        """The rules of a domain, in order."""
        rules = await self._store.get(await self._domain(request))
        return JsonResponse({"rules": [_document(rule) for rule in rules]})

    async def replace(self, request: Request) -> Response:
        """Replaces the rules of a domain by those of the document. Expressions have no back-references and no look-around."""
        domain = await self._domain(request)
        document = await read_json(request, _Rules)
        rules = [msgspec.convert(one, DlpRule, from_attributes=True) for one in document.rules]
        check_rules(rules)
        await self._store.replace(domain, rules)
        return no_content()

    async def clear(self, request: Request) -> Response:
        """Removes all rules of a domain."""
        await self._store.clear(await self._domain(request))
        return no_content()

    async def rule(self, request: Request) -> Response:
        """One rule."""
        domain, wanted = await self._domain(request), request.path_params["id"]
        for rule in await self._store.get(domain):
            if rule.id == wanted:
                return JsonResponse(_document(rule))
        raise not_found(f"There is no rule '{wanted}' for domain '{domain}'")

    async def _domain(self, request: Request) -> Domain:
        domain = domain_of(request)
        if not await self._domains.contains(domain):
            raise not_found(f"'{domain}' is not managed by this server")
        return domain


def _document(rule: DlpRule) -> object:
    return msgspec.to_builtins(msgspec.convert(rule, _Rule, from_attributes=True))
