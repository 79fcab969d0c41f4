"""JSON bodies in and out."""

from typing import Any, TypeVar

import msgspec
import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from compostela.web.webadmin.errors import ApiError, invalid

T = TypeVar("T")

MAX_BODY_BYTES = 1024 * 1024


class JsonResponse(Response):
    """Any JSON types, through orjson."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # Any: what JSON is made of
        return orjson.dumps(content)


NO_CONTENT_HEADERS = {"Content-Type": "application/json"}


def no_content() -> Response:
    """204, with the content type that every answer carries."""
    return Response(status_code=204, headers=NO_CONTENT_HEADERS)


async def body_bytes(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body; 400 when larger than `limit`."""
    data = bytearray()
    try:
        async for chunk in request.stream():
            data += chunk
            if len(data) > limit:
                raise invalid(f"the body must not be larger than {limit} bytes")
    except ClientDisconnect as error:
        raise invalid("the body ended before its announced length") from error
    return bytes(data)


async def read_json(request: Request, form: type[T]) -> T:
    """The body as `form`, a msgspec type; 400 with James's message when it is not."""
    return decoded(await body_bytes(request), form)


def decoded(data: bytes, form: type[T]) -> T:
    """A body as `form`, as `read_json` gives it."""
    try:
        return msgspec.json.decode(data, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise ApiError(400, "InvalidArgument", "JSON payload of the request is not valid", str(wrong)) from wrong
