"""Requests of Outlook: any octets are an address or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compostela.web.autoconfiguration.outlook import BadRequest, requested_address

pieces = st.sampled_from(
    [b"<", b">", b"/", b"<!DOCTYPE x [", b"<!ENTITY a 'b'>", b"]>", b"&a;", b"<EMailAddress>", b"</EMailAddress>",
     b"<a>", b"</a>", b"a@example.org", b"\0", b"\xff", b"<!-- ", b" -->", b"<![CDATA[", b"]]>", b"<?xml version='1.0'?>"]
)  # fmt: skip


@given(st.lists(pieces, max_size=12).map(b"".join))
def test_any_octets_are_an_address_or_refused(body: bytes) -> None:
    try:
        assert isinstance(requested_address(body), str)
    except BadRequest:
        return


@pytest.mark.parametrize(
    "body",
    [
        b"<a><!-- why --><EMailAddress> bob@example.org </EMailAddress></a>",
        b"<a><EMailAddress><![CDATA[bob@example.org]]></EMailAddress></a>",
        b'<a xmlns="urn:other"><EMailAddress>bob@example.org</EMailAddress></a>',
    ],
)
def test_the_address_is_found(body: bytes) -> None:
    assert requested_address(body) == "bob@example.org"
