"""Errors of the administration API and their bodies."""

import logging
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from compostela.base.errors import AlreadyExists, InvalidArgument, NotFound, StorageFull, TemporaryFailure
from compostela.web.webadmin.json import JsonResponse

_log = logging.getLogger(__name__)


class ApiError(Exception):
    """An answer other than success: `type` is one of James's words, `details` the reason."""

    def __init__(self, status: int, error_type: str, message: str, details: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.type = error_type
        self.message = message
        self.details = details


def invalid(details: str) -> ApiError:
    """400 for an argument that breaks a rule."""
    return ApiError(400, "InvalidArgument", "Invalid arguments supplied in the user request", details)


def not_found(message: str) -> ApiError:
    return ApiError(404, "notFound", message)


def conflict(message: str, details: str | None = None) -> ApiError:
    return ApiError(409, "WrongState", message, details)


def _body(status: int, error_type: str, message: str, details: str | None) -> Response:
    return JsonResponse(
        {"statusCode": status, "type": error_type, "message": message, "details": details}, status_code=status
    )


async def _api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return _body(error.status, error.type, error.message, error.details)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code in (404, 405):
        return _body(404, "notFound", f"{request.method} {request.url.path} can not be found", None)
    return _body(error.status_code, "InvalidArgument", error.detail, None)


async def _invalid_argument(_: Request, error: Exception) -> Response:
    wrong = invalid(str(error))
    return _body(wrong.status, wrong.type, wrong.message, wrong.details)


async def _missing(_: Request, error: Exception) -> Response:
    return _body(404, "notFound", str(error), None)


async def _exists(_: Request, error: Exception) -> Response:
    return _body(409, "WrongState", str(error), None)


async def _storage_full(_: Request, error: Exception) -> Response:
    return _body(507, "ServerError", "There is no room on the disk", str(error))


async def _unavailable(_: Request, error: Exception) -> Response:
    _log.warning("a request failed for now: %s", error)
    return _body(503, "ServerError", "The service is not available now, try again later", str(error))


async def _bug(request: Request, error: Exception) -> Response:
    _log.error("unexpected error", exc_info=error, extra={"endpoint": request.url.path, "method": request.method})
    return _body(500, "ServerError", "WebAdmin encountered an unexpected internal error", None)


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
