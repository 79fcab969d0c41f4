"""`%2F` in a path is a slash inside a name (RFC 3986 §2.2): it ends no segment.

Servers hand out paths decoded. So the raw path is decoded here with a placeholder for such slashes, which routes treat as any other
character of a name, and which becomes a slash again in the parameters.
"""

import re
from urllib.parse import unquote, unquote_to_bytes

from starlette.convertors import PathConvertor, StringConvertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

from compostela.web.webadmin.error_handlers import error_response

_STAND_IN = "\ufdd0"
"""A noncharacter: no name has it."""
_SLASH = re.compile("%2f", re.IGNORECASE)


class _Name(StringConvertor):
    def convert(self, value: str) -> str:
        return value.replace(_STAND_IN, "/")


class _Path(PathConvertor):
    def convert(self, value: str) -> str:
        return value.replace(_STAND_IN, "/")


register_url_convertor("str", _Name())
register_url_convertor("path", _Path())


class SlashesInNames:
    """Middleware: routes see `%2F` as a part of a name. A path that is no UTF-8 is answered 400: decoded with replacements it would
    name something else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = (scope.get("raw_path") or b"").partition(b"?")[0] if scope["type"] == "http" else b""
        if not _is_utf8(unquote_to_bytes(raw)):
            refusal = error_response(400, "InvalidArgument", "The path of the request is not UTF-8", None)
            await refusal(scope, receive, send)
            return
        if b"%2f" in raw.lower():
            scope = {**scope, "path": unquote(_SLASH.sub(_STAND_IN, raw.decode("latin-1")))}
        await self._app(scope, receive, send)


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True
