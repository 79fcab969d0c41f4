"""Authentication-Results fields (RFC 8601)."""

import pytest

from compostela.mime.authentication_results import MethodResult, results_text, without_results_of


def test_results_are_written_on_one_line() -> None:
    spf = MethodResult("spf", "pass", (("smtp.mailfrom", "example.org"), ("smtp.helo", "")))
    dkim = MethodResult("dkim", "fail", (("header.d", 'a"; b'),), "the body\r\nwas changed")
    assert results_text("mx.example", [spf, dkim]) == (
        'mx.example; spf=pass smtp.mailfrom=example.org; dkim=fail reason="the body??was changed" header.d="a?; b"'
    )
    assert results_text("mx.example", []) == "mx.example; none"


@pytest.mark.parametrize(
    ("value", "is_ours"),
    [
        (b" mx.example; none", True),
        (b" MX.Example; spf=pass", True),
        (b"\r\n\tmx.example;\r\n\tspf=pass", True),
        (b' "mx.example" 1; none', True),
        (b" (a comment) mx.example (another); none", True),
        (b" mx.example", True),
        (b" other.example; x=mx.example", False),
        (b" mx.example.org; none", False),
        (b"", False),
    ],
)
def test_fields_that_pretend_to_be_of_this_server_are_taken_out(value: bytes, is_ours: bool) -> None:
    field = b"authentication-Results:" + value + b"\r\n"
    block = b"A: 1\r\n" + field + b"B: 2\r\n\r\n"
    assert without_results_of(block, "mx.example") == (block.replace(field, b"") if is_ours else block)
