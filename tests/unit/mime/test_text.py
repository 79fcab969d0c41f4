"""Text of parts."""

from compostela.mime.text import html_text


def test_a_character_reference_with_any_number_of_digits_is_read() -> None:
    assert html_text("<b>a&amp;b</b> &#0000065;&#66; &#" + "1" * 10_000 + "; &#x" + "f" * 10_000 + ";").split() == [
        "a&b", "AB", "\ufffd", "\ufffd",
    ]  # fmt: skip
