"""Charsets that a mail may name.

Python keeps every name that it was ever asked for, known or not, and some of its codecs are no charsets (`punycode`,
`unicode_escape`). So only a name of its fixed list of charsets is looked up: what a peer writes does not stay in memory.
"""

from encodings import normalize_encoding
from encodings.aliases import aliases

_NO_CHARSETS = frozenset({
    "base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec", "mbcs", "oem", "idna",
    "punycode", "undefined", "unicode_escape", "raw_unicode_escape",
})  # fmt: skip
_WITHOUT_ALIAS = ("koi8_u", "koi8_t", "cp720", "cp737", "cp856", "cp874", "cp875", "cp1006", "utf_8_sig")
_CODECS = {
    **{name: name for name in (*_WITHOUT_ALIAS, *aliases.values())},
    **aliases,
}
_MAX_NAME = 40


def decode_octets(octets: bytes, charset: str, errors: str = "strict") -> str:
    """Raises `LookupError` for an unknown charset and `UnicodeDecodeError` as `bytes.decode` does."""
    name = normalize_encoding(charset.strip()).lower() if len(charset) <= _MAX_NAME and charset.isascii() else ""
    codec = _CODECS.get(name) or _CODECS.get(name.replace(".", "_"))
    if codec is None or codec in _NO_CHARSETS:
        raise LookupError(charset)
    return octets.decode(codec, errors)
