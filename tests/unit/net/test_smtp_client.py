"""The SMTP client keeps to the contract of senders."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence

import pytest
import uvloop

from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.outbound.ports import SendOptions, SmtpSender, Wishes
from compostela.core.outbound.tls import TlsSession
from compostela.net.outbound.client import SmtpClient
from compostela.net.outbound.connection import NextHopConnection
from compostela.net.outbound.tls import unverified_context
from compostela.processing.remote_delivery.attempt import attempt
from compostela.processing.remote_delivery.next_hops import Hop
from compostela.processing.remote_delivery.settings import read_remote_delivery_settings
from compostela.testing.mails import a_mail
from compostela.testing.waiting import eventually
from tests.contracts.next_hop import BOB, CAROL, EVERY_FEATURE, HANG_UP, HOST, Peer, codes, content
from tests.contracts.outbound import SmtpSenderContract


class TestSmtpClient(SmtpSenderContract):
    @pytest.fixture
    def sender(self) -> SmtpSender:
        return SmtpClient()


class Once(dict[str, str]):
    """Gives each reply only once."""

    def get(self, key: str, default: str | None = None) -> str | None:
        return self.pop(key, default)


async def test_a_connection_takes_several_mails() -> None:
    client, peer = SmtpClient(idle_seconds=60.0), Peer()
    async with peer.running():
        for _ in range(3):
            assert (await client.send(HOST, peer.port, None, [BOB], content(), SendOptions())).delivered == [BOB]
        both = await asyncio.gather(
            *(client.send(HOST, peer.port, None, [one], content(), SendOptions()) for one in (BOB, CAROL))
        )
        assert [result.delivered for result in both] == [[BOB], [CAROL]]
        # what another mail demands is not proved by this connection
        wishes = Wishes(require_tls=True)
        assert codes(await client.send(HOST, peer.port, None, [BOB], content(), SendOptions(), wishes)) == {BOB: 550}
        await client.close()
    assert peer.verbs().count("EHLO") == 3
    assert peer.verbs().count("QUIT") == 3


async def test_tls_of_a_kept_connection_is_told_once() -> None:
    client, peer = SmtpClient(idle_seconds=60.0), Peer()
    sessions: list[TlsSession | None] = []
    async with peer.running():
        for _ in range(2):
            await attempt(
                a_mail(),
                [Hop(HOST, peer.port, "mx.example.org")],
                client,
                read_remote_delivery_settings(Settings(Node("mailet", Place("")), Problems()), "own.example"),
                note=lambda _, __, session: sessions.append(session),
            )
        await client.close()
    assert [session is not None for session in sessions] == [True, False]


@pytest.mark.parametrize("ending", ["421 4.4.2 bye", HANG_UP])
async def test_a_connection_that_was_ended_while_it_waited_costs_no_mail(ending: str) -> None:
    client, peer = SmtpClient(idle_seconds=60.0), Peer()
    async with peer.running():
        assert (await client.send(HOST, peer.port, None, [BOB], content(), SendOptions())).delivered == [BOB]
        peer.replies = Once({"MAIL": ending})
        assert (await client.send(HOST, peer.port, None, [BOB], content(), SendOptions())).delivered == [BOB]
        await client.close()
    assert len(peer.data) == 2


@pytest.mark.parametrize("features", [EVERY_FEATURE, EVERY_FEATURE[1:]], ids=["pipelining", "alone"])
async def test_the_next_mail_over_a_connection_is_one_group(features: Sequence[str]) -> None:
    client, peer = SmtpClient(idle_seconds=60.0), Peer(features=features)
    async with peer.running():
        for _ in range(3):
            assert (await client.send(HOST, peer.port, None, [BOB], content(), SendOptions())).delivered == [BOB]
        await client.close()
    assert peer.verbs() == ["EHLO", *["MAIL", "RCPT", "DATA"] * 3, "QUIT"]
    assert peer.data == [b"Subject: greetings\r\n\r\nHello.\r\n"] * 3


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
@pytest.mark.parametrize("answer", ["354 go on", "503 no valid recipients"])
async def test_a_group_without_an_accepted_recipient_leaves_no_message(step: str, answer: str) -> None:
    client, peer = SmtpClient(idle_seconds=60.0), Peer()
    async with peer.running():
        assert (await client.send(HOST, peer.port, None, [BOB], content(), SendOptions())).delivered == [BOB]
        peer.replies = {step: "550 no", "DATA": answer}
        result = await client.send(HOST, peer.port, None, [BOB], content(), SendOptions())
        await client.close()
    assert (result.delivered, codes(result)) == ([], {BOB: 550})
    # the final dot alone, if the peer asks for a message (RFC 2920 §3.1)
    assert peer.verbs()[4:7] == ["MAIL", "RCPT", "DATA"]
    assert ("." in peer.verbs()) == answer.startswith("354")
    assert len(peer.data) == 1


async def test_what_a_connection_refused_before_it_broke_is_not_told_of_a_delivered_mail() -> None:
    client, peer = SmtpClient(idle_seconds=60.0), Peer()
    async with peer.running():
        assert (await client.send(HOST, peer.port, None, [BOB], content(), SendOptions())).delivered == [BOB]
        peer.replies = Once({f"RCPT TO:<{BOB}>": "450 4.2.1 later", f"RCPT TO:<{CAROL}>": HANG_UP})
        result = await client.send(HOST, peer.port, None, [BOB, CAROL], content(), SendOptions())
        await client.close()
    assert (result.delivered, result.refused) == ([BOB, CAROL], {})


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_what_comes_at_the_last_moment_before_a_handshake_is_not_taken_for_an_answer_under_tls(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def octets_after_the_go_ahead() -> None:
        with socket.create_server((HOST, 0)) as server:
            connection = await NextHopConnection.open(HOST, server.getsockname()[1], SendOptions())
            peer, _ = server.accept()
            with peer:
                peer.sendall(b"220 ready\r\n")
                await connection.reply()
                peer.sendall(b"220 go ahead\r\n")
                await connection.command("STARTTLS")
                peer.sendall(b"250 an answer to EHLO, in the clear\r\n")
                await connection.begin_tls()
                with pytest.raises(ssl.SSLError):
                    await connection.shake_hands(unverified_context(), "", 1.0)
                await connection.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(octets_after_the_go_ahead())


async def test_a_connection_waits_for_a_moment_only() -> None:
    client, peer = SmtpClient(idle_seconds=0.01), Peer()
    async with peer.running():
        assert (await client.send(HOST, peer.port, None, [BOB], content(), SendOptions())).delivered == [BOB]

        async def is_over() -> bool | None:
            return "QUIT" in peer.verbs() or None

        await eventually(is_over)
        await client.close()
