"""TLS at the wire, on the event loop of the real server: every element of the `tls` block."""

import asyncio
import gc
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_der_x509_certificate

from compostela.app.checking import check
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Problems
from compostela.net import admission, listeners
from compostela.net.tls import upgrade
from compostela.testing.waiting import eventually
from tests.dialogues.tls_server import (
    KEY,
    KEYS,
    TlsConversation,
    TlsServer,
    client_context,
    connected,
    running,
    submitted,
)


def keystore(name: str, secret: str = "changeit", more: str = "") -> str:
    return f"<keystore>file://conf/{name}</keystore><secret>{secret}</secret>{more}"


def client_auth(inside: str, text: str = "") -> str:
    return f"{KEY}<clientAuth>{text}{inside}</clientAuth>"


TRUST = "<truststore>file://conf/trust.jks</truststore><truststoreSecret>trusted</truststoreSecret>"


async def works(c: TlsConversation, name: str) -> None:
    """The protocol goes on inside."""
    if name.startswith("imap"):
        await c.client("b NOOP")
        assert any(line.startswith("b OK") for line in await c.until("b "))
    else:
        await c.client("NOOP")
        await c.server("250 ")


async def refused(port: int, context: ssl.SSLContext) -> None:
    """Not a line comes from the server. With TLS 1.3 a client learns of a refused certificate only when it reads."""
    try:
        async with connected(port, context) as c:
            assert await c.line() == ""
    except (OSError, ssl.SSLError):
        pass


@pytest.mark.slow
async def test_each_server_of_a_file_has_a_key_of_its_own_from_any_kind_of_store(tmp_path: Path) -> None:
    stores = {
        "jks": keystore("rsa.jks"),
        "ecjks": keystore("ec.jks"),
        "two": keystore("two-passwords.jks", "store-secret", "<keySecret>key-secret</keySecret>"),
        "p12": keystore("rsa.p12", more="<keystoreType>PKCS12</keystoreType>"),
        "misnamed": keystore("named-jks.jks", more="<keystoreType>JKS</keystoreType>"),
        "chain": keystore("chain.jks"),
        "together": keystore("together.pem"),
        "pem": KEY,
        "encrypted": KEY.replace("key.pem", "encrypted-key.pem") + "<secret>changeit</secret>",
    }
    names = [(f"{kind}{way}", block) for kind, block in stores.items() for way in ("-start", "-implicits")]
    seen = {}
    async with running(tmp_path, dict(names), {f"imap-{name}": block for name, block in names}) as server:
        for name, port in server.ports.items():
            async with submitted(port, name, client_context()) as c:
                assert c.tls.version() == "TLSv1.3"
                await works(c, name)
                seen[name] = c.certificate
    for kind in stores:
        ways = [seen[f"{protocol}{kind}{way}"] for protocol in ("", "imap-") for way in ("-start", "-implicits")]
        assert len(set(ways)) == 1
    pems = {"together", "pem", "encrypted"}
    assert len(set(seen.values())) == len(stores) - len(pems) + 1


async def test_the_whole_chain_is_shown(tmp_path: Path) -> None:
    context = ssl.create_default_context(cafile=KEYS / "root.pem")
    context.check_hostname = False
    async with running(tmp_path, {"jks": keystore("chain.jks"), "p12s": keystore("chain.p12")}) as server:
        for name, port in server.ports.items():
            async with submitted(port, name, context) as c:
                await works(c, name)


@pytest.mark.parametrize("store", ["both.jks", "both.p12"])
async def test_a_client_gets_the_key_of_the_kind_that_it_can_check(tmp_path: Path, store: str) -> None:
    async with running(tmp_path, {"boths": keystore(store)}) as server:
        for suite, kind in (
            ("ECDHE-RSA-AES128-GCM-SHA256", RSAPublicKey),
            ("ECDHE-ECDSA-AES128-GCM-SHA256", EllipticCurvePublicKey),
        ):
            context = client_context()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(suite)
            async with connected(server.ports["boths"], context) as c:
                assert isinstance(load_der_x509_certificate(c.certificate).public_key(), kind)


async def test_tls_1_1_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, {"smtp": KEY, "smtps": KEY}) as server:
        for name, port in server.ports.items():
            old = client_context()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                old.minimum_version = ssl.TLSVersion.TLSv1
                old.maximum_version = ssl.TLSVersion.TLSv1_1
            old.set_ciphers("ALL:@SECLEVEL=0")
            with pytest.raises((ssl.SSLError, ConnectionError)):
                async with submitted(port, name, old):
                    pass
            async with submitted(port, name, client_context()) as c:
                await works(c, name)


async def handshakes_that_come_to_nothing(folder: Path) -> None:
    async with running(folder, {"smtp": KEY}, {"imap": KEY}) as server:
        for name, port in server.ports.items():
            for end in ("reset", "silence", "nonsense", "end"):
                async with connected(port) as c:
                    await c.line()
                    await c.client("a STARTTLS" if name == "imap" else "STARTTLS")
                    await c.line()
                    if end == "reset":
                        c.reset_by_peer()
                    elif end == "nonsense":
                        await c.octets(b"nonsense" * 10)
                    if end != "end":
                        await c.until_closed()
                await eventually(lambda: nobody_is_left(server))


async def test_the_end_waits_for_no_handshake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "SHUTDOWN_SECONDS", 60.0)
    async with (
        running(tmp_path, {"smtp": KEY, "smtps": KEY}) as server,
        connected(server.ports["smtp"]) as started,
        connected(server.ports["smtps"]) as implicit,
    ):
        await started.server("220 ")
        await started.client("STARTTLS")
        await started.server("220 ")
        await eventually(lambda: waiting_are(server, 1))
        async with asyncio.timeout(10):
            await asyncio.gather(*(listener.stop() for listener in server.under_test.listeners))
        await started.until_closed()
        await implicit.reset()


async def test_a_handshake_that_fails_leaves_nothing_for_the_garbage_collector(tmp_path: Path) -> None:
    # on a server that runs it comes by once in many thousand connections, and each has the memory of its TLS
    async with running(tmp_path, {"smtp": KEY, "smtps": KEY}) as server:
        port = server.ports["smtps"]
        gc.collect()
        gc.disable()
        try:
            for begun in (b"nonsense" * 10, b"\x16\x03\x01", b""):
                async with connected(port) as c:
                    await eventually(lambda: waiting_are(server, 1))
                    await c.octets(begun)
                    if not begun.startswith(b"nonsense"):
                        c.reset_by_peer()
                    await c.until_closed()
                await eventually(lambda: waiting_are(server, 0))
            await eventually(nothing_is_left_of_gates)
        finally:
            gc.enable()


async def nothing_is_left_of_gates() -> bool | None:
    return None if any(isinstance(one, admission.Admission) for one in gc.get_objects()) else True


LIMITS = "<connectionLimit>3</connectionLimit><connectionLimitPerIP>2</connectionLimitPerIP>"


async def connections_before_the_handshake(folder: Path) -> None:
    async with running(folder, {"smtps": KEY}, {"imaps": KEY}, LIMITS) as server:
        for port in server.ports.values():
            async with connected(port) as one, connected(port) as two, connected(port) as three:
                await three.reset()
                async with connected(port, source="127.0.0.2"), connected(port, source="127.0.0.3") as fourth:
                    await fourth.reset()
                await eventually(lambda: waiting_are(server, 2))
                # whether it fails or is only slow, a handshake that does not end leaves its place
                await one.octets(b"nonsense")
                await one.until_closed()
                await two.until_closed()
            await eventually(lambda: waiting_are(server, 0))
            async with connected(port, client_context()) as c:
                assert await c.line()


async def waiting_are(server: TlsServer, count: int) -> bool | None:
    return True if sum(len(listener._waiting) for listener in server.under_test.listeners) == count else None


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_connections_count_before_they_shake_hands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    monkeypatch.setattr(upgrade, "HANDSHAKE_SECONDS", 2.0)
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(connections_before_the_handshake(tmp_path))


async def nobody_is_left(server: TlsServer) -> bool | None:
    return None if any(listener._open for listener in server.under_test.listeners) else True


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_handshake_that_comes_to_nothing_ends_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    # neither loop says a word to the session when the connection ends within the handshake
    monkeypatch.setattr(upgrade, "HANDSHAKE_SECONDS", 0.3)
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(handshakes_that_come_to_nothing(tmp_path))


async def test_the_listed_protocols_are_the_only_ones(tmp_path: Path) -> None:
    def only(name: str) -> str:
        return f"{KEY}<supportedProtocols><protocol>{name}</protocol></supportedProtocols>"

    async with running(tmp_path, {"two": only("TLSv1.2"), "threes": only("TLSv1.3")}) as server:
        for name, version in (("two", "TLSv1.2"), ("threes", "TLSv1.3")):
            async with submitted(server.ports[name], name, client_context()) as c:
                assert c.tls.version() == version
        low = client_context()
        low.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with submitted(server.ports["threes"], "threes", low):
                pass


async def test_the_servers_order_of_the_listed_suites_decides(tmp_path: Path) -> None:
    listed = "".join(
        f"<cipherSuite>{name}</cipherSuite>"
        for name in ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
    )
    block = f"{KEY}<supportedCipherSuites>{listed}</supportedCipherSuites>"
    async with running(tmp_path, {"smtps": block}) as server:
        port = server.ports["smtps"]
        async with connected(port, client_context()) as c:
            assert c.tls.cipher()[0] == "ECDHE-RSA-CHACHA20-POLY1305"  # type: ignore[index]
            assert c.tls.version() == "TLSv1.2"
        other = client_context()
        other.maximum_version = ssl.TLSVersion.TLSv1_2
        other.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with connected(port, other):
                pass


@pytest.mark.parametrize(
    ("name", "openssl"),
    [
        ("TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "DHE-RSA-AES256-GCM-SHA384"),
        ("TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "ECDHE-RSA-AES256-SHA384"),
    ],
)
async def test_every_way_of_exchanging_keys_works_alone(tmp_path: Path, name: str, openssl: str) -> None:
    block = f"{KEY}<supportedCipherSuites><cipherSuite>{name}</cipherSuite></supportedCipherSuites>"
    client = client_context()
    client.set_ciphers(openssl)
    async with running(tmp_path, {"smtps": block}) as server, connected(server.ports["smtps"], client) as c:
        assert c.tls.cipher()[0] == openssl  # type: ignore[index]


async def test_a_client_certificate_is_demanded(tmp_path: Path) -> None:
    async with running(tmp_path, {"needs": client_auth(TRUST)}, {"imaps": client_auth(TRUST)}) as server:
        for name, port in server.ports.items():
            async with submitted(port, name, client_context("client.pem")) as c:
                await works(c, name)
            await refused(port, client_context())
            await refused(port, client_context("stranger.pem"))


async def test_a_client_certificate_is_only_wanted(tmp_path: Path) -> None:
    async with running(tmp_path, {"wants": client_auth(TRUST, "want")}) as server:
        for certificate in (None, "client.pem"):
            async with submitted(server.ports["wants"], "wants", client_context(certificate)) as c:
                await works(c, "wants")
        await refused(server.ports["wants"], client_context("stranger.pem"))


@pytest.mark.parametrize("crl", ["crl.pem", "crl.der"])
async def test_a_revoked_client_certificate_is_refused(tmp_path: Path, crl: str) -> None:
    block = client_auth(f"{TRUST}<crl>file://conf/{crl}</crl>") + "<enableOCSPCRLChecks>true</enableOCSPCRLChecks>"
    async with running(tmp_path, {"smtps": block}) as server:
        async with submitted(server.ports["smtps"], "smtps", client_context("client.pem")) as c:
            await works(c, "smtps")
        await refused(server.ports["smtps"], client_context("revoked.pem"))


async def test_new_connections_get_the_new_certificate_and_the_others_go_on(tmp_path: Path) -> None:
    blocks = {"start": keystore("rsa.jks"), "implicits": keystore("rsa.jks")}
    async with running(tmp_path, blocks, {"imaps": KEY}) as server:
        for name in blocks:
            (server.conf / "rsa.jks").write_bytes((KEYS / "rsa.jks").read_bytes())
            await server.under_test.reload_certificates()
            port = server.ports[name]
            async with submitted(port, name, client_context()) as before:
                (server.conf / "rsa.jks").write_bytes((KEYS / "ec.p12").read_bytes())
                assert await server.under_test.reload_certificates() == 3
                async with submitted(port, name, client_context()) as after:
                    assert after.certificate != before.certificate
                    await works(before, name)
                    await works(after, name)


async def test_one_port_alone_is_reloaded(tmp_path: Path) -> None:
    async with running(tmp_path, {"ones": keystore("rsa.jks"), "twos": keystore("rsa.jks")}) as server:
        seen = {}
        (server.conf / "rsa.jks").write_bytes((KEYS / "ec.jks").read_bytes())
        assert await server.under_test.reload_certificates(server.ports["ones"]) == 1
        assert await server.under_test.reload_certificates(1) == 0
        for name, port in server.ports.items():
            async with connected(port, client_context()) as c:
                seen[name] = c.certificate
        assert seen["ones"] != seen["twos"]


async def test_a_broken_file_keeps_the_old_certificate_of_its_server_alone(tmp_path: Path) -> None:
    async with running(tmp_path, {"brokens": keystore("rsa.jks"), "goods": keystore("ec.jks")}) as server:
        seen = {}
        for name, port in server.ports.items():
            async with connected(port, client_context()) as c:
                seen[name] = c.certificate
        (server.conf / "rsa.jks").write_bytes(b"nonsense")
        (server.conf / "ec.jks").write_bytes((KEYS / "ec.p12").read_bytes())
        with pytest.raises(InvalidArgument, match=r"brokens keeps its certificate: .*neither JKS nor PKCS12 nor PEM"):
            await server.under_test.reload_certificates()
        for name, port in server.ports.items():
            async with connected(port, client_context()) as c:
                assert (c.certificate == seen[name]) == (name == "brokens")


async def test_the_check_opens_key_stores_and_lists_what_has_no_effect(tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "rsa.jks").write_bytes((KEYS / "rsa.jks").read_bytes())
    blocks = [keystore("rsa.jks", "wrong"), keystore("rsa.jks", more="<sessionCache><size>5</size></sessionCache>")]
    servers = "".join(
        f"<smtpserver><jmxName>s{number}</jmxName><bind>127.0.0.1:0</bind><tls socketTLS='true'>{block}</tls></smtpserver>"
        for number, block in enumerate(blocks)
    )
    (conf / "smtpserver.xml").write_text(f"<smtpservers>{servers}</smtpservers>")
    problems = Problems()
    await check(conf, tmp_path / "data", problems)
    lines = [str(one) for one in problems.found]
    assert any("smtpserver.xml" in one and "password of the key store is wrong" in one for one in lines)
    assert any("sessionCache has no effect" in one for one in lines)
