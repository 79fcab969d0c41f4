"""The contract of the acceptor's side of a security context. A subclass gives the fixtures `context` and `another`, both of
one service, and `initiator`, its client bob@EXAMPLE.ORG."""

import pytest

from compostela.protocols.sasl.gssapi import ContextRefused, SecurityContext
from tests.kerberos_realm import Initiator


class SecurityContextContract:
    ports = (SecurityContext,)

    def test_a_ticket_names_its_principal(self, context: SecurityContext, initiator: Initiator) -> None:
        assert not context.complete
        self._establish(context, initiator)
        assert context.initiator == "bob@EXAMPLE.ORG"

    def test_messages_are_protected_both_ways(self, context: SecurityContext, initiator: Initiator) -> None:
        self._establish(context, initiator)
        assert initiator.unwrap(context.wrap(b"\x01\0\0\0")) == b"\x01\0\0\0"
        assert context.unwrap(initiator.wrap(b"\x01\0\0\0bob")) == b"\x01\0\0\0bob"

    def test_a_changed_message_is_refused(self, context: SecurityContext, initiator: Initiator) -> None:
        self._establish(context, initiator)
        message = bytearray(initiator.wrap(b"\x01\0\0\0bob"))
        message[message.index(b"bob")] ^= 1
        with pytest.raises(ContextRefused):
            context.unwrap(bytes(message))

    def test_a_used_token_is_refused(
        self, context: SecurityContext, another: SecurityContext, initiator: Initiator
    ) -> None:
        token = initiator.token()
        context.accept(token)
        with pytest.raises(ContextRefused, match="replay"):
            another.accept(token)

    @pytest.mark.parametrize("octets", [b"", b"\x60", b"NTLMSSP\0", b"\x60" + b"\xff" * 1000, b"\0" * 100_000])
    def test_what_is_no_token_is_refused(self, context: SecurityContext, octets: bytes) -> None:
        with pytest.raises(ContextRefused):
            context.accept(octets)
        assert not context.complete

    def test_a_cut_token_is_refused(self, context: SecurityContext, initiator: Initiator) -> None:
        token = initiator.token()
        with pytest.raises(ContextRefused):
            context.accept(token[: len(token) // 2])
        assert not context.complete

    @staticmethod
    def _establish(context: SecurityContext, initiator: Initiator) -> None:
        answer: bytes | None = None
        while not context.complete:
            answer = context.accept(initiator.token(answer))
        if answer:
            assert initiator.token(answer) == b""
