"""swaks in all its modes: TLS, logins, LMTP, behind a proxy, and what the server has not."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.mailbox import fetch_all
from tests.programs import needs
from tests.server_process import ServerProcess

pytestmark = needs("swaks")

NO_TLS, NO_LOGIN, NO_XCLIENT = 29, 28, 33
"""swaks's own exit statuses."""
PASSWORD = ("--auth-user", "{user}", "--auth-password", "secret", "--from", "{user}")


def swaks(server: ServerProcess, user: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Of options given twice the last counts."""
    usual = ("--port", str(server.smtp), "--to", user, "--from", "a@foreign.example", "--helo", "client.example")
    filled = [one.format(user=user, smtps=server.smtps, lmtp=server.lmtp, proxied=server.proxied) for one in options]
    return subprocess.run(
        ["swaks", "--server", "127.0.0.1", *usual, *filled], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("options", "protocol"),
    [
        ((), "ESMTP"),
        (("--protocol", "SMTP"), "SMTP"),
        (("--pipeline",), "ESMTP"),
        (("--tls",), "ESMTPS"),
        (("--tls-optional",), "ESMTPS"),
        (("--tls-optional-strict",), "ESMTPS"),
        (("--tls", "--tls-protocol", "tlsv1_2"), "ESMTPS"),
        (("--tls", "--tls-protocol", "tlsv1_3"), "ESMTPS"),
        (("--tls-on-connect", "--port", "{smtps}"), "ESMTPS"),
        (("--tls", "--auth", "PLAIN", *PASSWORD), "ESMTPSA"),
        (("--tls", "--auth", "LOGIN", *PASSWORD), "ESMTPSA"),
        (("--tls", "--pipeline", "--auth", *PASSWORD), "ESMTPSA"),
        (("--tls-on-connect", "--port", "{smtps}", "--auth", "PLAIN", *PASSWORD), "ESMTPSA"),
        (("--tls-on-connect", "--port", "{smtps}", "--auth", "LOGIN", *PASSWORD), "ESMTPSA"),
        (("--auth", "PLAIN", *PASSWORD), "ESMTPA"),
        (("--auth", "LOGIN", *PASSWORD), "ESMTPA"),
        (("--auth-optional", "CRAM-MD5", *PASSWORD), "ESMTP"),
        (("--port", "{lmtp}", "--protocol", "LMTP"), "LMTP"),
    ],
    ids=" ".join,
)
def test_a_mail_arrives(server: ServerProcess, user: str, options: tuple[str, ...], protocol: str) -> None:
    done = swaks(server, user, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    (message,) = fetch_all(server, user)
    assert b"This is a test mailing" in message
    assert f" with {protocol} ID ".encode() in message


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (("--tls", "--tls-protocol", "tlsv1_1"), NO_TLS),
        (("--auth", "PLAIN", "--auth-user", "{user}", "--auth-password", "wrong"), NO_LOGIN),
        (("--auth", "LOGIN", "--auth-user", "{user}", "--auth-password", "wrong"), NO_LOGIN),
        (("--auth", "CRAM-MD5", *PASSWORD), NO_LOGIN),
        (("--auth", "DIGEST-MD5", *PASSWORD), NO_LOGIN),
        (("--xclient", "NAME=friend.example ADDR=192.0.2.1"), NO_XCLIENT),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_there_is_not_is_refused(server: ServerProcess, user: str, options: tuple[str, ...], status: int) -> None:
    done = swaks(server, user, *options)
    assert done.returncode == status, done.stdout + done.stderr
    assert fetch_all(server, user, 0) == []


@pytest.mark.parametrize(
    ("version", "family", "address"),
    [("1", "TCP4", "192.0.2.77"), ("1", "TCP6", "2001:db8::77"), ("2", "AF_INET", "192.0.2.77"), ("2", "AF_INET6", "2001:db8::77")],
)  # fmt: skip
@pytest.mark.parametrize("tls", [(), ("--tls",)], ids=["plain", "starttls"])
def test_the_client_behind_a_proxy_is_known(
    server: ServerProcess, user: str, version: str, family: str, address: str, tls: tuple[str, ...]
) -> None:
    here = "2001:db8::1" if ":" in address else "192.0.2.1"
    proxy = [
        "--proxy-version", version, "--proxy-family", family, "--proxy-source", address, "--proxy-source-port", "4711",
        "--proxy-dest", here, "--proxy-dest-port", "25",
    ]  # fmt: skip
    if version == "2":
        proxy += ["--proxy-command", "PROXY", "--proxy-protocol", "STREAM"]
    done = swaks(server, user, "--port", "{proxied}", *proxy, *tls)
    assert done.returncode == 0, done.stdout + done.stderr
    (message,) = fetch_all(server, user)
    assert f"([{'IPv6:' if ':' in address else ''}{address}])".encode() in message


def test_without_its_header_nobody_comes_through_the_proxys_port(server: ServerProcess, user: str) -> None:
    done = swaks(server, user, "--port", "{proxied}")
    assert done.returncode != 0
    assert fetch_all(server, user, 0) == []


@pytest.mark.parametrize("options", [[], ["--pipeline"]], ids=["plain", "pipeline"])
def test_two_recipients_over_lmtp(server: ServerProcess, make_user: Callable[[], str], options: list[str]) -> None:
    users = [make_user(), make_user()]
    done = swaks(server, ",".join(users), "--port", "{lmtp}", "--protocol", "LMTP", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    for user in users:
        (message,) = fetch_all(server, user)
        assert b" with LMTP ID " in message


def test_a_client_certificate_is_asked_for_only_where_it_is_configured(
    server: ServerProcess, user: str, tmp_path: Path
) -> None:
    key = Path(__file__).parents[1] / "data" / "tls" / "client.pem"
    done = swaks(server, user, "--tls", "--tls-cert", str(key), "--tls-key", str(key))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(fetch_all(server, user)) == 1
