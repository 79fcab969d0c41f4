"""OAUTHBEARER (RFC 7628) and XOAUTH2: an access token in the place of a password."""

import json

from compostela.base.errors import InvalidArgument
from compostela.protocols.sasl.gs2 import parse_gs2_header
from compostela.protocols.sasl.mechanism import Challenge, Mechanism, Step, TokenCredentials

_BEARER = "bearer "


class _Bearer(Mechanism):
    def __init__(self, scope: str = "", configuration_url: str = "") -> None:
        self._scope = scope
        self._configuration_url = configuration_url

    def _credentials(self, fields: dict[str, str], authorization_id: str | None) -> Step:
        auth = fields.get("auth", "")
        if auth[: len(_BEARER)].lower() != _BEARER or not auth[len(_BEARER) :].strip():
            raise InvalidArgument("there is no bearer token")
        return TokenCredentials(auth[len(_BEARER) :].strip(), authorization_id)

    def _challenge(self, values: dict[str, str]) -> Challenge:
        return Challenge(json.dumps({name: value for name, value in values.items() if value}).encode())


class OauthBearer(_Bearer):
    """`n,a=user,^Ahost=…^Aport=…^Aauth=Bearer token^A^A`."""

    def next(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"")
        header, authorization_id, rest = parse_gs2_header(_text(response))
        if not header.startswith(("n,", "y,")):
            raise InvalidArgument("OAUTHBEARER has no channel binding")
        if not rest.startswith("\x01") or not rest.endswith("\x01\x01"):
            raise InvalidArgument("the response is not of the form of OAUTHBEARER")
        return self._credentials(_fields(rest[1:-2]), authorization_id)

    def refused(self) -> Challenge:
        return self._challenge(
            {"status": "invalid_token", "scope": self._scope, "openid-configuration": self._configuration_url}
        )


class XOauth2(_Bearer):
    """`user=name^Aauth=Bearer token^A^A`."""

    def next(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"")
        text = _text(response)
        if not text.endswith("\x01\x01"):
            raise InvalidArgument("the response is not of the form of XOAUTH2")
        fields = _fields(text[:-2])
        return self._credentials(fields, fields.get("user") or None)

    def refused(self) -> Challenge:
        return self._challenge({"status": "401", "schemes": "bearer", "scope": self._scope})


def _fields(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in text.split("\x01"):
        name, equals, value = pair.partition("=")
        if not equals or name in found:
            raise InvalidArgument("a field has a name and a value, once")
        found[name] = value
    return found


def _text(response: bytes) -> str:
    try:
        return response.decode()
    except UnicodeDecodeError:
        raise InvalidArgument("the response is not UTF-8") from None
