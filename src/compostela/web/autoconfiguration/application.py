"""The public documents as one ASGI application."""

import time

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from compostela.base.errors import InvalidArgument
from compostela.core.autoconfiguration.mta_sts import POLICY_PATH
from compostela.core.autoconfiguration.setup import PublicSetup
from compostela.core.domains.service import DomainList
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.web.autoconfiguration import outlook, thunderbird

CONFIG_PATH = "/mail/config-v1.1.xml"
WELL_KNOWN_CONFIG_PATH = "/.well-known/autoconfig/mail/config-v1.1.xml"
JSON_PATH = "/autodiscover/autodiscover.json"
_PREFIXES = ("autoconfig.", "autodiscover.", "mta-sts.")
_CACHED = {"Cache-Control": "max-age=3600"}


class PublicDocuments:
    """Answers for managed domains only; for others there is no document."""

    def __init__(self, setup: PublicSetup, domains: DomainList, *, whole_address: bool) -> None:
        self._setup = setup
        self._domains = domains
        self._whole_address = whole_address

    def application(self) -> ASGIApp:
        routes = [
            Route(WELL_KNOWN_CONFIG_PATH, self.client_config, methods=["GET"]),
            Route(CONFIG_PATH, self.client_config, methods=["GET"]),
            Route(outlook.XML_PATH, self.autodiscover, methods=["GET", "POST"]),
            Route(JSON_PATH, self.autodiscover_json, methods=["GET"]),
            Route(f"{JSON_PATH}/v1.0/{{address}}", self.autodiscover_json, methods=["GET"]),
            Route(POLICY_PATH, self.policy, methods=["GET"]),
        ]
        return _AnyCase(Starlette(routes=routes))

    async def client_config(self, request: Request) -> Response:
        """By the address that is given, otherwise by the host that was asked."""
        address = request.query_params.get("emailaddress", "")
        domain = await self._managed(address.rpartition("@")[2] if address else _host(request))
        if domain is None:
            return Response(status_code=404)
        document = thunderbird.client_config(self._setup, domain.name, whole_address=self._whole_address)
        return Response(document, media_type=thunderbird.MEDIA_TYPE, headers=_CACHED)

    async def autodiscover(self, request: Request) -> Response:
        """Outlook puts the address into the body; some programs ask with GET for nothing but a sign of life."""
        try:
            address = outlook.requested_address(await _body(request))
            domain = await self._managed(MailAddress.parse(address).domain.name)
        except (outlook.BadRequest, InvalidArgument):
            return _refused(outlook.INVALID_REQUEST, "Invalid Request")
        if domain is None:
            return _refused(outlook.UNKNOWN_ADDRESS, "The email address can't be found.")
        document = outlook.settings_document(self._setup, address, whole_address=self._whole_address)
        return Response(document, media_type=outlook.MEDIA_TYPE)

    async def autodiscover_json(self, request: Request) -> Response:
        """Version 2 tells where version 1 is; there is nothing else here."""
        parameters = {name.lower(): value for name, value in request.query_params.items()}
        address = request.path_params.get("address") or parameters.get("email", "")
        protocol = parameters.get("protocol", "")
        if not protocol:
            return _wrong(
                "MandatoryParameterMissing", "A valid value must be provided for the query parameter 'Protocol'"
            )
        if protocol.lower() != "autodiscoverv1":
            return _wrong(
                "InvalidProtocol", "The given protocol value is invalid. Supported values are 'AutodiscoverV1'."
            )
        domain = await self._managed(address.rpartition("@")[2])
        if domain is None:
            return Response(status_code=404)
        return JSONResponse({"Protocol": "AutodiscoverV1", "Url": f"https://autodiscover.{domain}{outlook.XML_PATH}"})

    async def policy(self, request: Request) -> Response:
        """The policy file, at the host `mta-sts.` followed by the domain (RFC 8461 §3.3)."""
        if await self._managed(_host(request)) is None:
            return Response(status_code=404)
        return Response(self._setup.policy.text, media_type="text/plain", headers=_CACHED)

    async def _managed(self, name: str) -> Domain | None:
        try:
            domain = Domain.parse(name)
        except InvalidArgument:
            return None
        return domain if await self._domains.contains(domain) else None


def _host(request: Request) -> str:
    """The mail domain in the name that was asked, without a port."""
    host = request.headers.get("host", "").partition(":")[0].lower()
    for prefix in _PREFIXES:
        if host.startswith(prefix):
            return host[len(prefix) :]
    return host


async def _body(request: Request) -> bytes:
    data = bytearray()
    try:
        async for chunk in request.stream():
            data += chunk
            if len(data) > outlook.MAX_REQUEST_BYTES:
                raise outlook.BadRequest("too large")
    except ClientDisconnect as error:
        raise outlook.BadRequest("broken off") from error
    return bytes(data)


def _refused(code: int, message: str) -> Response:
    """The format has errors of its own, which come with 200."""
    now = time.strftime("%H:%M:%S", time.gmtime())
    return Response(outlook.error_document(code, message, now), media_type=outlook.MEDIA_TYPE)


def _wrong(code: str, message: str) -> Response:
    return JSONResponse({"ErrorCode": code, "ErrorMessage": message}, status_code=400)


class _AnyCase:
    """Outlook writes its paths in several cases; the web servers that it was made for do not mind."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].lower().startswith("/autodiscover/"):
            head, separator, address = scope["path"].partition("/v1.0/")
            scope = {**scope, "path": head.lower() + separator + address}
        await self._app(scope, receive, send)
