"""Java's names of cipher suites."""

import pytest

from compostela.net.tls.suites import available_suites, iana_names, openssl_name, read_suites


@pytest.mark.parametrize(
    ("java", "openssl"),
    [
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
        ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "ECDHE-RSA-AES256-SHA384"),
        ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"),
        ("TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", "DHE-RSA-AES128-SHA256"),
        ("TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"),
        ("TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", "ECDHE-ECDSA-AES128-CCM8"),
        ("TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384", "ECDHE-ARIA256-GCM-SHA384"),
    ],
)
def test_a_name_of_java_is_openssls(java: str, openssl: str) -> None:
    assert openssl_name(java) == openssl
    assert openssl in available_suites()


def test_a_list_is_sorted_by_what_can_be_done() -> None:
    suites = read_suites(
        [
            "TLS_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-CHACHA20-POLY1305",
            "SSL_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_RSA_WITH_RC4_128_MD5", "TLS_EMPTY_RENEGOTIATION_INFO_SCSV", "TLS_NONSENSE",
            "HIGH:!aNULL", "TLS_DHE_DSS_WITH_AES_128_CBC_SHA",
        ]
    )  # fmt: skip
    assert suites.tls13 == ("TLS_AES_256_GCM_SHA384",)
    assert suites.tls12 == ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305")
    assert suites.unavailable == (
        "SSL_RSA_WITH_3DES_EDE_CBC_SHA",
        "TLS_RSA_WITH_RC4_128_MD5",
        "TLS_DHE_DSS_WITH_AES_128_CBC_SHA",
    )
    assert suites.unknown == ("TLS_NONSENSE", "HIGH:!aNULL")


def test_nothing_that_does_not_authenticate_is_available() -> None:
    assert not [
        name for name in available_suites() if name.startswith(("AECDH", "ADH")) or "NULL" in name or "PSK" in name
    ]
    assert len(iana_names()) > 20
