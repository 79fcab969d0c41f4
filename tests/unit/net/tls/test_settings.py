"""The `tls` block: every element, and what is said of those that cannot be done."""

import ssl

import pytest

from compostela.base.settings import Severity
from compostela.net.tls.context import server_context
from compostela.net.tls.settings import ClientCertificate
from tests.unit.net.tls.files import errors, read, resolve, warnings

KEY = "<privateKey>file://key.pem</privateKey><certificates>file://certificate.pem</certificates>"


def test_james_sample_is_understood_without_a_word() -> None:
    settings, problems = read(
        "<keystore>file://rsa.jks</keystore><keystoreType>PKCS12</keystoreType><secret>changeit</secret>"
        "<provider>org.bouncycastle.jce.provider.BouncyCastleProvider</provider><algorithm>SunX509</algorithm>"
    )
    assert {one.severity for one in problems.found} <= {Severity.NO_EFFECT}
    assert "changeit" not in repr(settings)


@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        ("", "needs a keystore"),
        ("<privateKey>file://key.pem</privateKey>", "needs a keystore"),
        (f"<keystore>file://rsa.jks</keystore>{KEY}", "not from both"),
        (f"{KEY}<keystor>x</keystor>", "did you mean 'keystore'"),
        (f"{KEY}<keystoreType>PKCS21</keystoreType>", "did you mean 'PKCS12'"),
        (f"{KEY}<keystoreType>JCEKS</keystoreType>", "'JCEKS' is none of JKS, PKCS12, PEM"),
        (f"{KEY}<clientAuth><truststoreType>BKS</truststoreType></clientAuth>", "'BKS' is none of JKS, PKCS12, PEM"),
        (f"{KEY}<supportedProtocols><protocol>TLSv1.4</protocol></supportedProtocols>", "did you mean 'TLSv1.3'"),
        (f"{KEY}<supportedProtocols><protocol>TLSv1.1</protocol></supportedProtocols>", "no protocol is left"),
        (
            f"{KEY}<supportedCipherSuites><cipherSuite>TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA265</cipherSuite></supportedCipherSuites>",
            "did you mean 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'",
        ),
        (
            f"{KEY}<supportedCipherSuites><cipherSuite>TLS_RSA_WITH_RC4_128_MD5</cipherSuite></supportedCipherSuites>",
            "no cipher suite is left",
        ),
        (f"{KEY}<clientAuth>perhaps</clientAuth>", "neither need nor want"),
        (
            f"{KEY}<clientAuth><truststore>file://trust.jks</truststore></clientAuth><enableOCSPCRLChecks>true</enableOCSPCRLChecks>",
            "name the files in <crl>",
        ),
    ],
)
def test_what_is_wrong_is_an_error(inside: str, reason: str) -> None:
    _, problems = read(inside)
    assert any(reason in one for one in errors(problems)), problems.found


@pytest.mark.parametrize(
    ("inside", "line"),
    [
        ("<sessionCache><size>100</size><timeout>1h</timeout></sessionCache>", "sessionCache has no effect"),
        ("<enableOCSPCRLChecks>true</enableOCSPCRLChecks>", "enableOCSPCRLChecks has no effect without clientAuth"),
        ("<clientAuth/>", "every certificate of an authority that the system trusts"),
        (
            "<clientAuth><truststore>file://t</truststore><crl>file://crl.pem</crl></clientAuth>"
            "<enableOCSPCRLChecks>true</enableOCSPCRLChecks>",
            "OCSP is not asked",
        ),
        (
            "<supportedCipherSuites><cipherSuite>TLS_AES_128_GCM_SHA256</cipherSuite></supportedCipherSuites>",
            "always offers TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256 too",
        ),
        (
            "<supportedCipherSuites><cipherSuite>TLS_RSA_WITH_RC4_128_MD5</cipherSuite>"
            "<cipherSuite>TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256</cipherSuite></supportedCipherSuites>",
            "TLS_RSA_WITH_RC4_128_MD5",
        ),
        (
            "<supportedProtocols><protocol>TLSv1.1</protocol><protocol>TLSv1.2</protocol></supportedProtocols>",
            "TLSv1.1 is not safe and is left out",
        ),
    ],
)
def test_what_cannot_be_done_is_a_line_of_the_check(inside: str, line: str) -> None:
    _, problems = read(KEY + inside)
    assert errors(problems) == []
    assert any(line in one for one in warnings(problems)), problems.found


def test_a_certificate_of_clients_is_needed_unless_it_is_only_wanted() -> None:
    trust = "<truststore>file://trust.jks</truststore><truststoreType>JKS</truststoreType><truststoreSecret>trusted</truststoreSecret>"
    assert read(KEY)[0].client_auth is None
    for block, expected in (
        (f"<clientAuth>{trust}</clientAuth>", ClientCertificate.NEED),
        (f"<clientAuth>need{trust}</clientAuth>", ClientCertificate.NEED),
        (f"<clientAuth>want{trust}</clientAuth>", ClientCertificate.WANT),
        (f"<clientAuth certificate='want'>{trust}</clientAuth>", ClientCertificate.WANT),
    ):
        settings, problems = read(KEY + block)
        assert problems.found == []
        assert settings.client_auth is not None
        assert settings.client_auth.certificate is expected


@pytest.mark.parametrize(
    ("suites", "lowest", "highest"),
    [
        ([], "TLSv1_2", "TLSv1_3"),
        (["TLS_AES_256_GCM_SHA384"], "TLSv1_3", "TLSv1_3"),
        (["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"], "TLSv1_2", "TLSv1_2"),
        (["TLS_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"], "TLSv1_2", "TLSv1_3"),
    ],
)
def test_a_protocol_without_an_allowed_suite_is_off(suites: list[str], lowest: str, highest: str) -> None:
    listed = "".join(f"<cipherSuite>{name}</cipherSuite>" for name in suites)
    settings, _ = read(f"{KEY}<supportedCipherSuites>{listed}</supportedCipherSuites>")
    context = server_context(settings, resolve).in_force
    assert (context.minimum_version, context.maximum_version) == (ssl.TLSVersion[lowest], ssl.TLSVersion[highest])
