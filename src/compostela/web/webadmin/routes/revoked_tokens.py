"""/add-revoked-token: an identity provider tells that it has ended a session (OpenID Connect Back-Channel Logout 1.0)."""

from collections.abc import Sequence
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from compostela.core.authentication.ports import InvalidToken, TokenVerifier
from compostela.web.webadmin.errors import ApiError, invalid
from compostela.web.webadmin.json import body_bytes

FORM = "application/x-www-form-urlencoded"
MAX_FORM_BYTES = 64 * 1024


class RevokedTokenRoutes:
    """Anyone may call it, as in James: the token proves by its signature that it comes from the provider."""

    def __init__(self, verifiers: Sequence[TokenVerifier]) -> None:
        self._verifiers = verifiers

    def routes(self) -> list[Route]:
        return [Route("/add-revoked-token", self.add, methods=["POST"])]

    async def add(self, request: Request) -> Response:
        """Ends the session (`sid`) of the form's `logout_token`: access tokens of it log in no longer, on any node. Needs no password; the
        token must be signed by the provider of a server's `oidc` element."""
        if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != FORM:
            raise ApiError(415, "InvalidArgument", f"the content type must be {FORM}")
        try:
            fields = parse_qs((await body_bytes(request, MAX_FORM_BYTES)).decode("ascii"), max_num_fields=10)
        except ValueError as error:
            raise invalid("the body is not a form") from error
        if len(tokens := fields.get("logout_token", [])) != 1:
            raise invalid("the form must have one field 'logout_token'")
        reason = "no server takes tokens: none has an 'oidc' element"
        for verifier in self._verifiers:
            try:
                await verifier.end_session(tokens[0])
            except InvalidToken as error:
                reason = str(error)
            else:
                return Response(status_code=200)
        raise invalid(reason)
