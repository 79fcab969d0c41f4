"""Charsets that mails name."""

import pytest

from compostela.mime.charsets import decode_octets, decode_tolerant


@pytest.mark.parametrize(
    ("charset", "octets"),
    [
        ("ISO-8859-1", b"\xe9"),
        ("utf-8", b"\xc3\xa9"),
        (" Windows-1252 ", b"\xe9"),
        ("iso_8859-15", b"\xe9"),
        ("cp850", b"\x82"),
        ("x-mac-roman", b"\x8e"),
        ("'latin-1'", b"\xe9"),
        ("win-1252", b"\xe9"),
        ("cp-850", b"\x82"),
        ("x-ibm850", b"\x82"),
        ("unicode-1-1-utf-7", b"+AOk-"),
        ("x-unicode-2-0-utf-7", b"+AOk-"),
        ("utf-8; format=flowed", b"\xc3\xa9"),
    ],
)
def test_names_of_charsets_are_known_in_all_their_spellings(charset: str, octets: bytes) -> None:
    assert decode_octets(octets, charset) == "é"


@pytest.mark.parametrize(
    ("charset", "octets", "text"),
    [
        ("gb2312", "朱镕基".encode("gbk"), "朱镕基"),
        ("gb_2312-80", b"\x80", "€"),
        ("gbk", "𠀀".encode("gb18030"), "𠀀"),
        ("ks_c_5601-1987", "뷁".encode("cp949"), "뷁"),
        ("euc-kr", "똠".encode("cp949"), "똠"),
        ("windows-949", "뷁".encode("cp949"), "뷁"),
        ("shift_jis", b"\x87\x40\xee\xe0", "①髙"),
        ("x-sjis", "会議".encode("cp932"), "会議"),
        ("windows-31j", b"\x81\x60", "～"),
        ("big5", b"\xf9\xd6", "碁"),
        ("big5", b"\x87\x40", "䏰"),
        ("big5-hkscs", b"\xc6\xa1", "①"),
        ("euc-jp", b"\xad\xa1\xf9\xe2\xa1\xc1", "①墲～"),
        ("x-euc-jp", "会議".encode("euc_jp"), "会議"),
        ("iso-2022-jp", b"\x1b$B2q5D-!\x1b(B.", "会議①."),
        ("iso-2022-jp", b"\x1b$B|b\x1b(I6@\x1b(B", "髙ｶﾀ"),
        ("cp50221", b"\x1b$@2q\x1b(J", "会"),
        ("iso-2022-kr", "한국".encode("iso2022_kr"), "한국"),
        ("hz-gb-2312", "中文".encode("hz"), "中文"),
        ("cn-gb", "镕".encode("gbk"), "镕"),
        ("gb18030-2022", "镕".encode("gbk"), "镕"),
        ("big5-eten", b"\xf9\xd6", "碁"),
        ("ibm943", b"\x87\x40", "①"),
        ("ansi-1251", b"\xc0", "А"),
        ("dos-866", b"\x80", "А"),
        ("x-mac-centraleurroman", b"\xb8", "ł"),
        ("iso-8859-1", b"\x93\x80\x94\x81", "“€”\x81"),
        ("iso-8859-9", b"\x80", "€"),
        ("iso-8859-11", b"\xa1\x80", "ก€"),
        ("tis-620", b"\xa1", "ก"),
        ("iso-8859-8-i", b"\xe0", "א"),
        ("iso-8859-6-e", b"\xc8", "ب"),
        ("koi8-u", b"\xae", "ў"),
        ("x-cp1251", b"\xc0", "А"),
        ("macintosh", b"\xdb", "€"),
        ("utf-16", b"\xfe\xff\x00\xe9", "é"),
        ("utf-16", b"\xe9\x00", "é"),
        ("utf-8", b"\xef\xbb\xbfa", "a"),
        ("iso-8859-1", b"\xef\xbb\xbf\xc3\xa9", "é"),
    ],
)
def test_a_label_covers_what_software_really_sends(charset: str, octets: bytes, text: str) -> None:
    assert decode_octets(octets, charset) == text


@pytest.mark.parametrize(
    ("charset", "octets", "text"),
    [
        ("utf-8", b"gr\xc3\xb6\xc3\x9fe \xff", "größe ÿ"),
        ("gb2312", "朱".encode("gbk") + b"\xff" + "基".encode("gbk"), "朱\ufffd基"),
        ("euc-jp", b"\xb2\xf1\xff\xb5\xc4", "会\ufffd議"),
        ("big5", b"\x81\x40a", "\ufffd@a"),
        ("iso-2022-jp", b"\x1b$B2q\x80\x1b(Bx", "会\ufffdx"),
    ],
)
def test_a_malformed_octet_does_not_change_the_charset_of_the_others(charset: str, octets: bytes, text: str) -> None:
    assert decode_octets(octets, charset) == text


@pytest.mark.parametrize("charset", ["punycode", "unicode_escape", "base64", "idna", "undefined", "x" * 1000, "é"])
def test_what_is_no_charset_is_unknown(charset: str) -> None:
    with pytest.raises(LookupError):
        decode_octets(b"abc", charset)
    assert decode_tolerant(b"gr\xc3\xb6\xdfe", charset) == "größe"


@pytest.mark.parametrize("charset", [None, "", "us-ascii", "unknown-8bit"])
def test_octets_without_a_charset_are_utf_8_or_windows_1252(charset: str | None) -> None:
    assert decode_tolerant("Grüße".encode(), charset) == "Grüße"
    assert decode_tolerant("Grüße „“".encode("cp1252"), charset) == "Grüße „“"


@pytest.mark.slow
def test_a_long_malformed_text_is_decoded_in_time() -> None:
    for charset in ("utf-8", "iso-2022-jp", "gb2312", "euc-jp", "big5"):
        assert decode_octets(b"\xff\x80" * 1_000_000, charset)
