"""`%2F` in a path is a slash inside a name (RFC 3986 §2.2): it ends no segment.

Servers hand out paths decoded. So the raw path is decoded here with a stand-in for such slashes, which routes take for any other
character of a name, and which becomes a slash again in the parameters.
"""

import re
from urllib.parse import unquote

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

_STAND_IN = "\ufdd0"
"""A noncharacter: no name has it."""
_SLASH = re.compile("%2f", re.IGNORECASE)


class _Name(StringConvertor):
    def convert(self, value: str) -> str:
        return value.replace(_STAND_IN, "/")


register_url_convertor("str", _Name())


class SlashesInNames:
    """Middleware: routes see `%2F` as a part of a name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw: bytes = scope.get("raw_path") or b""
        if scope["type"] == "http" and b"%2f" in raw.lower():
            text = raw.partition(b"?")[0].decode("latin-1")
            scope = {**scope, "path": unquote(_SLASH.sub(_STAND_IN, text))}
        await self._app(scope, receive, send)
