"""Names as the authentication of mail asks for them."""

import pytest

from compostela.mailauth.dns import a_labels
from compostela.model.domain import Domain


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("Example.org.", "Example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("straße.example.", "xn--strae-oqa.example"),
        ("_domainkey.bücher.example", "_domainkey.xn--bcher-kva.example"),
        ("\U0001f600.example", "xn--e28h.example"),
        ("ü" * 64 + ".example", "ü" * 64 + ".example"),
    ],
)
def test_names_in_their_own_script(name: str, asked: str) -> None:
    assert a_labels(name) == asked


def test_a_domain_has_one_name_in_the_envelope_and_in_a_header() -> None:
    assert a_labels("straße.example") == Domain.parse("straße.example").name
