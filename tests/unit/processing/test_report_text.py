"""What reports repeat of others' words."""

from compostela.processing.delivery_reports import escaped, public


def test_control_characters_of_a_reply_are_escaped() -> None:
    assert escaped("550 no\x1b[2J \x9b\x00 user\r\n\tthere") == "550 no\\x1b[2J \\x9b\\x00 user\r\n\tthere"
    assert public("450 \x07") == "450 \\x07"
    assert public("Traceback (most recent call last):\n /etc/secret") == "An internal error occurred"
