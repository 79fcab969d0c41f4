"""/doctor: the examination of `compostela doctor`, and the records of `compostela dns`; Compostela's own."""

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.doctor.model import CHECKS, Account, Finding, document
from compostela.doctor.service import Diagnosis
from compostela.model.domain import Domain
from compostela.web.webadmin.errors import conflict, invalid
from compostela.web.webadmin.json import JsonResponse, read_json


class ExaminationForm(msgspec.Struct):
    """The body of POST; every field may be left out."""

    user: str = ""
    password: str = ""
    domains: list[str] = []
    checks: list[str] = []


class DoctorRoutes:
    """One examination at a time: each opens connections to all ports of the server."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        self._diagnosis = diagnosis
        self._turn = asyncio.Lock()

    def routes(self) -> list[Route]:
        return [
            Route("/doctor", self.examine, methods=["GET"]),
            Route("/doctor", self.examine_account, methods=["POST"]),
            Route("/doctor/records", self.records, methods=["GET"]),
        ]

    async def examine(self, request: Request) -> Response:
        """Examines the server, its DNS records and its certificates: `worst` and `findings` with `check`, `severity`
        (`ok`, `info`, `warning`, `error`), `subject`, `what`, `why` and `fix`. `domain` and `check`, which may be repeated,
        choose. 409 while another examination runs."""
        checks = request.query_params.getlist("check")
        return await self._answer(_domains(request.query_params.getlist("domain")), None, checks)

    async def examine_account(self, request: Request) -> Response:
        """As GET, with a login and a send: `user` and `password`; `domains` and `checks` are lists."""
        form = await read_json(request, ExaminationForm)
        if bool(form.user) is not bool(form.password):
            raise invalid("'user' and 'password' go together")
        account = Account(form.user, form.password) if form.user else None
        return await self._answer(_domains(form.domains), account, form.checks)

    async def records(self, request: Request) -> Response:
        """The DNS records to publish for each domain, or for each `domain` that is named, with the MTA-STS policy."""
        found = await self._diagnosis.publications(_domains(request.query_params.getlist("domain")))
        return JsonResponse([one.document() for one in found])

    async def _answer(self, domains: list[str], account: Account | None, checks: list[str]) -> Response:
        unknown = [one for one in checks if one not in CHECKS]
        if unknown:
            raise invalid(f"There is no check {unknown[0]!r}; there are {', '.join(CHECKS)}")
        if self._turn.locked():
            raise conflict("An examination is running")
        async with self._turn:
            findings: list[Finding] = await self._diagnosis.examine(domains, account, checks)
        return JsonResponse(document(findings))


def _domains(names: list[str]) -> list[str]:
    """400 for what is none."""
    return [Domain.parse(name).name for name in names]
