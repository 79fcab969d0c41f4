"""Text of octets in the charsets that mails name.

Labels mean what the WHATWG Encoding Standard says: a label covers the superset that software really sends (`gb2312` is GBK and
more, `iso-8859-1` is windows-1252). Labels that only mail knows (UTF-7, `cp850`, …) are looked up among Python's own charsets.

Python keeps every name that it was ever asked for, known or not, and some of its codecs are no charsets (`punycode`,
`unicode_escape`). So only names of fixed lists reach it: what a peer writes does not stay in memory.
"""

import codecs
import re
from collections.abc import Callable
from encodings import normalize_encoding
from encodings.aliases import aliases
from functools import lru_cache

MAX_MENDED = 10_000
"""A text with more malformed sequences is decoded without looking at each of them."""
_MAX_LABEL = 60
_NO_CHARSETS = frozenset({
    "base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec", "mbcs", "oem", "idna",
    "punycode", "undefined", "unicode_escape", "raw_unicode_escape",
})  # fmt: skip
_WITHOUT_ALIAS = ("koi8_u", "koi8_t", "cp720", "cp737", "cp856", "cp874", "cp875", "cp1006", "utf_8_sig", "mac_arabic",
                  "mac_croatian", "mac_farsi", "mac_romanian")  # fmt: skip
_CODECS = {
    **{name: name for name in (*_WITHOUT_ALIAS, *aliases.values())},
    **{name.lower(): codec for name, codec in aliases.items()},
    "mac_ce": "mac_latin2",
    "mac_centraleurroman": "mac_latin2",
    "unicode_2_0_utf_7": "utf_7",
}
_UNDECLARED = frozenset({
    "", "ascii", "us-ascii", "us_ascii", "ansi_x3.4-1968", "iso646-us", "iso-ir-6", "csascii", "646", "unknown", "x-unknown",
    "unknown-8bit", "x-unknown-8bit", "unknown-charset", "default", "default_charset", "x-user-defined", "8bit", "7bit", "binary", "none",
})  # fmt: skip
"""Labels that do not tell how octets above 127 are meant."""
_OF_MAIL = {
    "iso-2022-jp-ms": "iso-2022-jp", "cp50220": "iso-2022-jp", "cp50221": "iso-2022-jp", "cp50222": "iso-2022-jp",
    "eucjp-ms": "euc-jp", "eucjpms": "euc-jp", "cp51932": "euc-jp", "euc-jp-ms": "euc-jp", "gb2312_charset": "gbk",
    "cn-gb": "gbk", "gb18030-2022": "gb18030", "big5-eten": "big5", "cp943": "shift_jis", "ibm943": "shift_jis",
    "x-ibm943": "shift_jis", "ansi-1251": "windows-1251", "dos-866": "ibm866",
    "utf-8-mac": "utf-8", "8859_1": "windows-1252", "iso-8859-1-windows-3.1-latin-1": "windows-1252",
    "iso-8859-1-windows-3.0-latin-1": "windows-1252",
}  # fmt: skip
"""Labels of mail programs that neither the WHATWG nor Python lists."""
_NUMBERED = re.compile(r"(?:x-)?(?:windows|win|cp|ms|ibm|x)[-_ ]?(\d{2,5})")
_MULTIBYTE = {
    "gbk": "gb18030", "gb18030": "gb18030", "big5": "cp950", "euc-kr": "cp949", "shift_jis": "cp932", "euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp_ext",
}  # fmt: skip
"""Python's codec that is nearest to each encoding of the WHATWG; what it lacks is mended."""
_SINGLE = {
    "windows-874": "cp874",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "iso-8859-8-i": "iso8859_8",
}
_JAPANESE = frozenset({"euc_jp", "iso2022_jp_ext"})
_AS_WINDOWS_DOES = str.maketrans("〜‖−¢£¬—", "～∥－￠￡￢―")
"""Where Python's tables of JIS X 0208 differ from those of the WHATWG."""
_STRAY = re.compile(rb"(?:(?![\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})[\x80-\xff])+")

Decoder = Callable[[bytes], str]


def decode_octets(octets: bytes, charset: str) -> str:
    """The text, in which malformed octets are replaced one by one. Raises `LookupError` for an unknown charset."""
    if octets.startswith(codecs.BOM_UTF8):
        return _utf8(octets)
    decoder = _decoder(charset) if len(charset) <= _MAX_LABEL and charset.isascii() else None
    if decoder is None:
        raise LookupError(charset)
    return decoder(octets)


def decode_tolerant(octets: bytes, charset: str | None) -> str:
    """Like `decode_octets`; octets of an unknown charset, or of none, are read as UTF-8 and, where they are not, as windows-1252."""
    try:
        return decode_octets(octets, charset or "")
    except LookupError:
        return _utf8(octets)


def _utf8(octets: bytes) -> str:
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        text = octets.decode("utf-8", "compostela.mend")
    return text.removeprefix("\ufeff")


@lru_cache(maxsize=512)
def _decoder(label: str) -> Decoder | None:
    """None for a label that is in none of the lists."""
    from webencodings.labels import LABELS

    label = re.split(r"[;,\s\"']", label.strip(" \t\r\n\"'<>").lower(), maxsplit=1)[0]
    if label in _UNDECLARED:
        return _utf8
    name = LABELS.get(label) or _OF_MAIL.get(label)
    if name is None:
        codec = _codec(label)
        if codec is None:
            return None
        name = LABELS.get(codec.replace("_", "-")) or {"latin_1": "windows-1252", "mac_roman": "macintosh"}.get(codec)
        if codec.startswith("iso2022_jp") and codec in ("iso2022_jp", "iso2022_jp_1", "iso2022_jp_ext"):
            name = "iso-2022-jp"
        if name in (None, "replacement"):
            return _plain(codec)
    return _named(name, label)


def _named(name: str, label: str) -> Decoder | None:
    """The decoder of an encoding of the WHATWG."""
    if name == "utf-8":
        return _utf8
    if name in ("utf-16le", "utf-16be"):
        return _utf16(name)
    if name == "replacement":
        # a browser refuses to read these, a mail may be written in them
        codec = _codec(label)
        return None if codec is None else _plain(codec)
    if name == "big5" and "hkscs" in label:
        return _plain("big5hkscs")
    if name in _MULTIBYTE:
        return _multibyte(_MULTIBYTE[name])
    return _table_decoder(_SINGLE.get(name) or name)


def _codec(label: str) -> str | None:
    """Python's codec of this name."""
    numbered = _NUMBERED.fullmatch(label)
    spellings = [label, label.replace(".", "_"), label.removeprefix("x-"), label.removeprefix("cs")]
    if numbered is not None:
        spellings.append("cp" + numbered.group(1))
    for spelling in spellings:
        codec = _CODECS.get(normalize_encoding(spelling)) or _CODECS.get(normalize_encoding(spelling.replace("-", "")))
        if codec is not None and codec not in _NO_CHARSETS:
            return codec
    return None


def _plain(codec: str) -> Decoder:
    return lambda octets: octets.decode(codec, "replace")


def _utf16(name: str) -> Decoder:
    def decode(octets: bytes) -> str:
        if octets[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return octets.decode("utf-16", "replace")
        return octets.decode(name, "replace")

    return decode


def _table_decoder(codec: str) -> Decoder:
    """Of a charset whose characters are single octets: the C1 controls fill what its table leaves open."""
    table = "".join(_one(octet, codec) for octet in range(256))
    if codec == "koi8-u":
        table = table.replace("╝", "ў").replace("╬", "Ў")
    return lambda octets: codecs.charmap_decode(octets, "replace", table)[0]


def _one(octet: int, codec: str) -> str:
    try:
        return bytes([octet]).decode(codec)
    except UnicodeDecodeError:
        return chr(octet) if 0x80 <= octet < 0xA0 else "\ufffd"


def _multibyte(codec: str) -> Decoder:
    def decode(octets: bytes) -> str:
        text = octets.decode(codec, "replace")
        if 0 < text.count("\ufffd") <= MAX_MENDED:
            text = octets.decode(codec, "compostela.mend")
        return text.translate(_AS_WINDOWS_DOES) if codec in _JAPANESE else text

    return decode


def _mend(error: UnicodeError) -> tuple[str, int]:
    """What Python's codec does not know."""
    assert isinstance(error, UnicodeDecodeError)
    octets, start = error.object, error.start
    pair = bytes(octets[start : start + 2])
    text = ""
    match error.encoding:
        case "utf-8":
            stray = _STRAY.match(octets, start)
            end = start + 1 if stray is None else stray.end()
            return _windows_1252(octets[start:end]), end
        case "euc_jp" if len(pair) == 2 and min(pair) > 0xA0 and max(pair) < 0xFF:
            text = _jis(pair[0] - 0x80, pair[1] - 0x80)
        case "iso2022_jp_ext" if error.end - start == 2 and min(pair) > 0x20 and max(pair) < 0x7F:
            text = _jis(*pair)
        case "cp950" if len(pair) == 2:
            text = _character(pair, "big5hkscs")
        case "gb18030" | "cp932" if pair[:1] == b"\x80":
            return ("€" if error.encoding == "gb18030" else "\x80"), start + 1
    return (text, start + 2) if text else ("\ufffd", max(error.end, start + 1))


def _jis(row: int, cell: int) -> str:
    """A character by its place in JIS X 0208 with the extensions of NEC and IBM; empty for none."""
    first = (row - 0x21 >> 1) + 0x81
    second = cell + (0x1F + (cell >= 0x60) if row % 2 else 0x7E)
    return _character(bytes([first + 0x40 * (first > 0x9F), second]), "cp932")


def _character(octets: bytes, codec: str) -> str:
    try:
        return octets.decode(codec)
    except UnicodeDecodeError:
        return ""


_windows_1252 = _table_decoder("cp1252")
codecs.register_error("compostela.mend", _mend)
