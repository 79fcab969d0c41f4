"""Names of protocols and cipher suites: Java's and IANA's on the one side, OpenSSL's on the other."""

import re
import ssl
from dataclasses import dataclass
from functools import cache

PROTOCOLS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
OLD_PROTOCOLS = frozenset({"SSLv2", "SSLv2Hello", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1"})
"""Names that Java knows. RFC 8996 and RFC 7568 forbid what they mean."""
TLS13_SUITES = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")
"""Those that OpenSSL offers, in its order."""
FFDHE2048 = b"""\
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""
"""The group of RFC 7919 §A.1, Java's own choice too, for suites with DHE: without one the library never agrees to them."""
_SIGNALS = frozenset({"TLS_EMPTY_RENEGOTIATION_INFO_SCSV", "TLS_FALLBACK_SCSV"})
"""Java lists them among the suites; OpenSSL always honours them (RFC 5746, RFC 7507)."""

_REGISTERED = (
    r"(?:TLS|SSL)_(?:RSA|DH|DHE|ECDH|ECDHE|PSK|SRP_SHA|KRB5)(?:_RSA|_DSS|_ECDSA|_PSK|_anon)?(?:_EXPORT)?_WITH_"
    r"(?:NULL|RC4_(?:40|128)|RC2_CBC_40|IDEA_CBC|DES40_CBC|DES_CBC(?:_40)?|3DES_EDE_CBC|SEED_CBC"
    r"|(?:AES|ARIA|CAMELLIA)_(?:128|256)_(?:CBC|GCM|CCM)(?:_8)?|CHACHA20_POLY1305)(?:_(?:MD5|SHA|SHA256|SHA384))?"
    r"|TLS_(?:AES_128_CCM|AES_128_CCM_8|SM4_GCM|SM4_CCM)_(?:SHA256|SM3)"
)
"""The form of IANA's names: what has it and is not to be had was not misspelt. Compiled at first use, which takes 10 ms: a correct list does not need it."""
_IANA = re.compile(r"(?:TLS|SSL)_([A-Z]+(?:_[A-Z]+)*)_WITH_([A-Z0-9]+(?:_[A-Z0-9]+)*)")
_EXCHANGES = ("ECDHE_ECDSA", "ECDHE_RSA", "DHE_RSA", "RSA")
_CIPHERS = (
    "AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256", "AES_128_CBC_SHA256", "AES_256_CBC_SHA384",
    "AES_256_CBC_SHA256", "AES_128_CBC_SHA", "AES_256_CBC_SHA", "AES_128_CCM", "AES_256_CCM", "AES_128_CCM_8", "AES_256_CCM_8",
    "CAMELLIA_128_CBC_SHA256", "CAMELLIA_256_CBC_SHA384", "CAMELLIA_256_CBC_SHA256", "ARIA_128_GCM_SHA256",
    "ARIA_256_GCM_SHA384", "3DES_EDE_CBC_SHA",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Suites:
    """What an operator's list comes to."""

    tls12: tuple[str, ...] = ()
    """OpenSSL's names of the suites up to TLS 1.2, in the operator's order."""
    tls13: tuple[str, ...] = ()
    """Suites of TLS 1.3, which have names of their own."""
    unavailable: tuple[str, ...] = ()
    """Names that exist, of suites that this library does not have or does not think safe."""
    unknown: tuple[str, ...] = ()

    @property
    def need_a_group(self) -> bool:
        """Whether there are some that exchange keys by Diffie and Hellman's way without elliptic curves."""
        return any(name.startswith("DHE-") for name in self.tls12)


def read_suites(names: list[str]) -> Suites:
    """Sorts the names of a list; OpenSSL's own names are taken too."""
    tls12, tls13, unavailable, unknown = [], [], [], []
    known = available_suites()
    for name in names:
        openssl = openssl_name(name)
        if name in TLS13_SUITES:
            tls13.append(name)
        elif name in known:
            tls12.append(name)
        elif openssl in known:
            tls12.append(openssl)
        elif re.fullmatch(_REGISTERED, name):
            unavailable.append(name)
        elif name not in _SIGNALS:
            unknown.append(name)
    return Suites(tuple(dict.fromkeys(tls12)), tuple(dict.fromkeys(tls13)), tuple(unavailable), tuple(unknown))


def openssl_name(name: str) -> str | None:
    """OpenSSL's name for Java's or IANA's; None for what has not their form."""
    parts = _IANA.fullmatch(name)
    if parts is None:
        return None
    exchange, cipher = parts[1], parts[2]
    if cipher == "3DES_EDE_CBC_SHA":
        cipher = "DES_CBC3_SHA"
    cipher = re.sub(
        r"^(AES|CAMELLIA|ARIA)_(\d+)_", r"\1\2_", cipher.replace("_CBC_", "_") if cipher[0] != "D" else cipher
    )
    cipher = cipher.replace("CCM_8", "CCM8").replace("POLY1305_SHA256", "POLY1305")
    if cipher.startswith("ARIA") and exchange == "ECDHE_RSA":
        exchange = "ECDHE"  # OpenSSL leaves RSA out of the names of these two
    return (cipher if exchange == "RSA" else f"{exchange}_{cipher}").replace("_", "-")


@cache
def available_suites() -> frozenset[str]:
    """OpenSSL's names of all suites up to TLS 1.2 that it has at its level of security, and that authenticate the server
    by a key that it can have."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:!aNULL:!eNULL:!PSK:!SRP:!aDSS")
    return frozenset(one["name"] for one in context.get_ciphers()).difference(TLS13_SUITES)


def iana_names() -> list[str]:
    """All names that a configuration may have, to suggest the nearest for an unknown one."""
    names = [f"TLS_{exchange}_WITH_{cipher}" for exchange in _EXCHANGES for cipher in _CIPHERS]
    return [*TLS13_SUITES, *(name for name in names if openssl_name(name) in available_suites())]
