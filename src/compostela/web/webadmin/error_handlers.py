"""What each kind of error becomes on the wire."""

import logging
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from compostela.base.errors import AlreadyExists, InvalidArgument, NotFound, StorageFull, TemporaryFailure
from compostela.web.webadmin.errors import ApiError, invalid
from compostela.web.webadmin.json import JsonResponse

_log = logging.getLogger(__name__)


def error_response(status: int, error_type: str, message: str, details: str | None) -> Response:
    return JsonResponse(
        {"statusCode": status, "type": error_type, "message": message, "details": details}, status_code=status
    )


async def _api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(error.status, error.type, error.message, error.details)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code in (404, 405):
        # as the client spelt it: the routes see other slashes
        raw: bytes = (request.scope.get("raw_path") or request.url.path.encode()).partition(b"?")[0]
        return error_response(404, "notFound", f"{request.method} {unquote(raw)} can not be found", None)
    return error_response(error.status_code, "InvalidArgument", error.detail, None)


async def _invalid_argument(_: Request, error: Exception) -> Response:
    wrong = invalid(str(error))
    return error_response(wrong.status, wrong.type, wrong.message, wrong.details)


async def _missing(_: Request, error: Exception) -> Response:
    return error_response(404, "notFound", str(error), None)


async def _exists(_: Request, error: Exception) -> Response:
    return error_response(409, "WrongState", str(error), None)


async def _storage_full(_: Request, error: Exception) -> Response:
    return error_response(507, "ServerError", "There is no room on the disk", str(error))


async def _unavailable(_: Request, error: Exception) -> Response:
    _log.warning("a request failed for now: %s", error)
    return error_response(503, "ServerError", "The service is not available now, try again later", str(error))


async def _bug(request: Request, error: Exception) -> Response:
    _log.error("unexpected error", exc_info=error, extra={"endpoint": request.url.path, "method": request.method})
    return error_response(500, "ServerError", "WebAdmin encountered an unexpected internal error", None)


Handler = Callable[[Request, Exception], Awaitable[Response]]

HANDLERS: dict[type[Exception] | int, Handler] = {
    ApiError: _api_error,
    HTTPException: _http_error,
    InvalidArgument: _invalid_argument,
    NotFound: _missing,
    AlreadyExists: _exists,
    StorageFull: _storage_full,
    TemporaryFailure: _unavailable,
    Exception: _bug,
}
