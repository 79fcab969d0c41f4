"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677): the password never crosses the wire, and with -PLUS the exchange is
bound to the TLS channel (`tls-server-end-point`, RFC 5929 §4).

`tls-exporter` (RFC 9266) needs the exporter of the TLS library, which Python's `ssl` does not give: `get_channel_binding` knows
`tls-unique` alone, which TLS 1.3 does not have."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets

from compostela.base.errors import InvalidArgument
from compostela.model.scram import ScramSecrets
from compostela.protocols.sasl.gs2 import parse_gs2_header, unescape
from compostela.protocols.sasl.mechanism import (
    Challenge,
    Mechanism,
    Proved,
    Rejected,
    SecretsWanted,
    Step,
    UnsupportedBinding,
)

_NONCE = re.compile(r"[!-+\--~]{8,256}")
_BINDING = "p=tls-server-end-point,"


class Scram(Mechanism):
    """`binding` is the channel's, with -PLUS; `plus_offered` tells a client that says it saw no -PLUS that somebody between took it
    away (RFC 5802 §6)."""

    def __init__(self, binding: bytes | None = None, *, plus_offered: bool = False, nonce: str | None = None) -> None:
        self._binding = binding
        self._plus_offered = plus_offered
        self._nonce = nonce or secrets.token_urlsafe(24)
        self._header = ""
        self._client_first = ""
        self._server_first = ""
        self._user = ""
        self._authorization_id: str | None = None
        self._secrets: ScramSecrets | None = None
        self._is_proved = False

    def next(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"")
        if self._is_proved:
            if response:
                raise InvalidArgument("nothing follows the server's signature")
            return Proved(self._user, self._authorization_id)
        try:
            text = response.decode()
        except UnicodeDecodeError:
            raise InvalidArgument("the response is not UTF-8") from None
        return self._first(text) if self._secrets is None else self._final(text, self._secrets)

    def secrets(self, secrets: ScramSecrets) -> Step:
        self._secrets = secrets
        salt = base64.b64encode(secrets.salt).decode()
        self._server_first = f"r={self._nonce},s={salt},i={secrets.iterations}"
        return Challenge(self._server_first.encode())

    def _first(self, text: str) -> Step:
        self._header, self._authorization_id, self._client_first = parse_gs2_header(text)
        if self._binding is not None:
            if self._header.startswith("p=") and not self._header.startswith(_BINDING):
                raise UnsupportedBinding("unsupported-channel-binding-type")
            if not self._header.startswith(_BINDING):
                raise InvalidArgument("the channel binding is tls-server-end-point")
        elif self._header.startswith("p="):
            raise UnsupportedBinding("channel-binding-not-supported")
        elif self._plus_offered and self._header.startswith("y"):
            raise UnsupportedBinding("server-does-support-channel-binding")
        fields = self._client_first.split(",")
        if len(fields) < 2 or not fields[0].startswith("n=") or not fields[1].startswith("r="):
            raise InvalidArgument("the first message is not of the form n=name,r=nonce")
        self._user, nonce = unescape(fields[0][2:]), fields[1][2:]
        if not self._user or not _NONCE.fullmatch(nonce):
            raise InvalidArgument("the name is empty, or the nonce is none")
        self._nonce = nonce + self._nonce
        return SecretsWanted(self._user)

    def _final(self, text: str, secrets: ScramSecrets) -> Step:
        without_proof, comma, proof = text.rpartition(",p=")
        fields = without_proof.split(",")
        if not comma or len(fields) < 2 or not fields[0].startswith("c=") or not fields[1].startswith("r="):
            raise InvalidArgument("the last message is not of the form c=binding,r=nonce,p=proof")
        bound = _decoded(fields[0][2:])
        if bound != self._header.encode() + (self._binding or b"") or fields[1][2:] != self._nonce:
            return Rejected(self._user)
        signed = f"{self._client_first},{self._server_first},{without_proof}".encode()
        if not secrets.proves(_decoded(proof), signed):
            return Rejected(self._user)
        self._is_proved = True
        signature = hmac.digest(secrets.server_key, signed, hashlib.sha256)
        return Challenge(b"v=" + base64.b64encode(signature))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise InvalidArgument("that is no base64") from None
