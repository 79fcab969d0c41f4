"""What every SMTP sender keeps to. A subclass gives the fixture `sender`; the next hop is `Peer`, a server that says what a
test tells it to."""

import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest

from compostela.app import first_start
from compostela.core.blob.model import MessageContent
from compostela.core.outbound.ports import SendOptions, SmtpSender, Wishes
from compostela.core.outbound.tls import TlsFailureType
from compostela.mime.lines import has_bare_line_ends
from compostela.testing.mails import address
from tests.contracts.next_hop import (
    BOB,
    CAROL,
    EVERY_FEATURE,
    HANG_UP,
    HOST,
    LARGE,
    SILENCE,
    FailingBody,
    Peer,
    codes,
    content,
    sent,
)

with_and_without_pipelining = pytest.mark.parametrize(
    "features", [EVERY_FEATURE, ("8BITMIME", "SIZE")], ids=["pipelining", "plain"]
)


class SmtpSenderContract:
    ports = (SmtpSender,)

    @with_and_without_pipelining
    async def test_delivers_to_all(self, sender: SmtpSender, features: Sequence[str]) -> None:
        peer = Peer(features=features)
        result = await sent(sender, peer, mail_from=address("alice@example.com"))
        assert (result.delivered, result.refused) == ([BOB, CAROL], {})
        assert peer.data == [b"Subject: greetings\r\n\r\nHello.\r\n"]
        assert peer.lines[0] == "EHLO mx.example.com"
        assert peer.lines[1].startswith("MAIL FROM:<alice@example.com>")
        assert peer.lines[2:4] == ["RCPT TO:<bob@example.org>", "RCPT TO:<carol@example.net>"]

    @with_and_without_pipelining
    @pytest.mark.parametrize("step", ["greeting", "DATA", "."])
    async def test_quits_when_the_mail_is_refused(self, sender: SmtpSender, features: Sequence[str], step: str) -> None:
        peer = Peer({step: "554 no"}, features=features)
        assert codes(await sent(sender, peer)) == {BOB: 554, CAROL: 554}
        assert peer.lines[-1] == "QUIT"  # RFC 5321 §4.1.1.10

    async def test_mail_after_mail(self, sender: SmtpSender) -> None:
        peer = Peer()
        async with peer.running():
            for number in range(3):
                message = content(f"{number}\r\n".encode())
                result = await sender.send(HOST, peer.port, None, [BOB, CAROL], message, SendOptions())
                assert result.delivered == [BOB, CAROL]
            await sender.close()
        assert [data[-3:] for data in peer.data] == [b"0\r\n", b"1\r\n", b"2\r\n"]

    async def test_the_null_sender(self, sender: SmtpSender) -> None:
        peer = Peer()
        assert (await sent(sender, peer)).delivered == [BOB, CAROL]
        assert peer.lines[1].startswith("MAIL FROM:<>")

    @pytest.mark.parametrize(
        ("body", "arrives"),
        [
            (b"", b""),
            (b".", b".\r\n"),
            (b".\r\n..\r\n.x\r\n", b".\r\n..\r\n.x\r\n"),
            (b"no line end", b"no line end\r\n"),
            (b"bare\nline\n.\nends\r.\r\n", b"bare\r\nline\r\n.\r\nends\r\n.\r\n"),
            (LARGE, LARGE),
        ],
        ids=["empty", "dot", "dots", "unfinished", "bare line ends", "large"],
    )
    async def test_the_message_arrives_as_it_is(self, sender: SmtpSender, body: bytes, arrives: bytes) -> None:
        peer = Peer()
        assert (await sent(sender, peer, message=content(body))).delivered == [BOB, CAROL]
        assert peer.data == [b"Subject: greetings\r\n\r\n" + arrives]

    async def test_eight_bit_text_becomes_seven_bit_where_it_must(self, sender: SmtpSender) -> None:
        peer = Peer(features=("SIZE",))
        assert (await sent(sender, peer, message=content("Grüße\r\n".encode()))).delivered == [BOB, CAROL]
        assert peer.data[0].isascii()
        assert b"\r\nMIME-Version: 1.0\r\n" in peer.data[0]
        assert f"SIZE={len(peer.data[0])}" in peer.lines[1]

    async def test_what_cannot_be_made_seven_bit_stays_here(self, sender: SmtpSender) -> None:
        header = b'MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary="a"\r\n\r\n'
        message = content("--a\r\n\r\nGrüße\r\n--a--\r\n".encode(), header)
        result = await sent(sender, Peer(features=("SIZE",)), message=message)
        assert result.refused[BOB].text.startswith("554 5.6.3 ")
        assert result.refused[BOB].is_of_host
        assert (await sent(sender, Peer(), message=message)).delivered == [BOB, CAROL]

    async def test_a_message_beyond_the_peers_size_is_not_sent(self, sender: SmtpSender) -> None:
        size = content(LARGE).size
        peer = Peer(features=(f"SIZE {size - 1}",))
        result = await sent(sender, peer, message=content(LARGE))
        refusal = result.refused[BOB]
        assert (refusal.code, refusal.is_permanent, refusal.is_of_host) == (552, True, True)
        assert f"{size} octets" in refusal.text
        assert not any(line.startswith("MAIL") for line in peer.lines)
        for features in ((f"SIZE {size}",), ("SIZE 0",), ("SIZE",), ("SIZE much",)):
            assert (await sent(sender, Peer(features=features), message=content(LARGE))).delivered == [BOB, CAROL]

    @pytest.mark.parametrize(
        ("step", "seconds", "cause"),
        # the steps before must have time enough on a busy machine
        [("greeting", 0.05, "no answer to the connection"), ("RCPT", 3.0, "no answer to RCPT")],
    )
    async def test_a_time_out_names_its_cause(self, sender: SmtpSender, step: str, seconds: float, cause: str) -> None:
        result = await sent(sender, Peer({step: SILENCE}, features=()), reply_seconds=seconds)
        assert f"{cause} within {seconds:g} seconds" in result.refused[BOB].text

    @pytest.mark.parametrize("features", [EVERY_FEATURE, ("SIZE",)])
    async def test_lines_that_are_too_long_for_smtp_are_encoded(
        self, sender: SmtpSender, features: Sequence[str]
    ) -> None:
        peer = Peer(features=features)
        body = b"x" * 30_000 + b"\r\nend\r\n"
        assert (await sent(sender, peer, message=content(body))).delivered == [BOB, CAROL]
        assert max(len(line) for line in peer.data[0].split(b"\r\n")) <= 998
        assert b"Content-Transfer-Encoding: quoted-printable\r\n" in peer.data[0]
        for header in (b"Content-Type: message/partial; id=x; number=1\r\n\r\n", b"DKIM-Signature: v=1\r\n\r\n"):
            assert (await sent(sender, peer, message=content(body, header))).delivered == [BOB, CAROL]
            assert peer.data[-1] == header + body

    @with_and_without_pipelining
    async def test_some_are_refused(self, sender: SmtpSender, features: Sequence[str]) -> None:
        peer = Peer({"RCPT TO:<bob@example.org>": "550-5.1.1 no\r\n550 5.1.1 such user"}, features)
        result = await sent(sender, peer)
        assert result.delivered == [CAROL]
        refusal = result.refused[BOB]
        assert (refusal.code, refusal.is_permanent) == (550, True)
        assert "such user" in refusal.text
        assert len(peer.data) == 1

    @with_and_without_pipelining
    async def test_when_all_are_refused_no_message_goes(self, sender: SmtpSender, features: Sequence[str]) -> None:
        peer = Peer({"RCPT": "450 later"}, features)
        result = await sent(sender, peer)
        assert (result.delivered, codes(result)) == ([], {BOB: 450, CAROL: 450})
        assert not result.refused[BOB].is_permanent
        assert peer.data == []

    @pytest.mark.parametrize(
        ("step", "reply", "code"),
        [
            ("greeting", "421 busy", 421),
            ("greeting", "554 go away", 554),
            ("MAIL", "451 later", 451),
            ("DATA", "554 no", 554),
            (".", "552 too large", 552),
        ],
    )
    @with_and_without_pipelining
    async def test_what_is_refused_is_refused_for_all(
        self, sender: SmtpSender, features: Sequence[str], step: str, reply: str, code: int
    ) -> None:
        result = await sent(sender, Peer({step: reply}, features))
        assert (result.delivered, codes(result)) == ([], {BOB: code, CAROL: code})

    @pytest.mark.parametrize("step", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "."])
    @pytest.mark.parametrize("answer", [HANG_UP, "no SMTP at all", "250" + "x" * 20_000])
    async def test_whatever_breaks_refuses_all(self, sender: SmtpSender, step: str, answer: str) -> None:
        result = await sent(sender, Peer({step: answer}))
        assert (result.delivered, codes(result)) == ([], {BOB: 0, CAROL: 0})
        assert not result.refused[BOB].is_permanent

    @pytest.mark.parametrize("step", ["greeting", "MAIL"])
    async def test_silence_ends(self, sender: SmtpSender, step: str) -> None:
        result = await sent(sender, Peer({step: SILENCE}), reply_seconds=0.05)
        assert codes(result) == {BOB: 0, CAROL: 0}

    @pytest.mark.parametrize("reply", [HANG_UP, "500 what?", "no SMTP at all"])
    async def test_what_was_taken_is_delivered_whatever_follows(self, sender: SmtpSender, reply: str) -> None:
        assert (await sent(sender, Peer({"QUIT": reply}))).delivered == [BOB, CAROL]

    async def test_nobody_listens(self, sender: SmtpSender) -> None:
        peer = Peer()
        async with peer.running():
            pass
        result = await sender.send(HOST, peer.port, None, [BOB], content(), SendOptions())
        assert codes(result) == {BOB: 0}

    async def test_a_name_that_does_not_exist(self, sender: SmtpSender) -> None:
        result = await sender.send("x" * 70, 25, None, [BOB], content(), SendOptions())
        assert codes(result) == {BOB: 0}

    async def test_an_old_peer_without_ehlo(self, sender: SmtpSender) -> None:
        peer = Peer({"EHLO": "502 unknown"})
        assert (await sent(sender, peer)).delivered == [BOB, CAROL]
        assert peer.verbs()[:3] == ["EHLO", "HELO", "MAIL"]

    async def test_an_internationalised_address_needs_a_peer_that_takes_it(self, sender: SmtpSender) -> None:
        renée = address("renée@example.org")
        assert codes(await sent(sender, Peer(), [renée])) == {renée: 553}
        mixed = await sent(sender, Peer(), [BOB, renée])
        assert (mixed.delivered, codes(mixed)) == ([BOB], {renée: 553})
        peer = Peer(features=("SMTPUTF8", "8BITMIME"))
        assert (await sent(sender, peer, [renée])).delivered == [renée]
        assert "SMTPUTF8" in peer.lines[1]

    async def test_no_password_without_a_peer_that_asks_for_it(self, sender: SmtpSender) -> None:
        peer = Peer()
        async with peer.running():
            options = SendOptions(user="user", password="secret")
            result = await sender.send(HOST, peer.port, None, [BOB], content(), options)
        assert (result.delivered, codes(result)) == ([], {BOB: 0})
        assert not any(line.startswith("AUTH") for line in peer.lines)

    async def test_many_recipients(self, sender: SmtpSender) -> None:
        many = [address(f"user{n}@example.org") for n in range(500)]
        peer = Peer({"RCPT TO:<user7@example.org>": "550 no"})
        result = await sent(sender, peer, many)
        assert result.delivered == [one for one in many if one != address("user7@example.org")]
        assert codes(result) == {address("user7@example.org"): 550}

    @pytest.mark.parametrize(
        ("limits", "connections"), [("RCPTMAX=2", 1), ("RCPTMAX=2 MAILMAX=2 X=Y", 2), ("RCPTMAX=0", 1)]
    )
    @with_and_without_pipelining
    async def test_a_peers_limits_are_kept_to(
        self, sender: SmtpSender, features: Sequence[str], limits: str, connections: int
    ) -> None:
        five = [address(f"user{n}@example.org") for n in range(5)]
        peer = Peer({f"RCPT TO:<{five[3]}>": "550 no"}, (*features, f"LIMITS {limits}"))
        result = await sent(sender, peer, five)
        assert result.delivered == [five[0], five[1], five[2], five[4]]
        assert codes(result) == {five[3]: 550}
        assert peer.verbs().count("EHLO") == connections
        verbs = " ".join(one for one in peer.verbs() if one in ("MAIL", "RCPT", "DATA"))
        assert verbs == (
            "MAIL RCPT RCPT RCPT RCPT RCPT DATA"
            if "=0" in limits
            else "MAIL RCPT RCPT DATA MAIL RCPT RCPT DATA MAIL RCPT DATA"
        )

    @pytest.mark.parametrize("reply", ["452 4.5.3 too many", "452 too many", "552 too many"])
    @with_and_without_pipelining
    async def test_who_is_too_many_for_one_mail_gets_another_at_once(
        self, sender: SmtpSender, features: Sequence[str], reply: str
    ) -> None:
        seven = [address(f"user{n}@example.org") for n in range(7)]
        peer = Peer(features=features, max_recipients=(2, reply))
        result = await sent(sender, peer, seven)
        assert (result.delivered, result.refused) == (seven, {})
        assert len(peer.data) == 4

    @pytest.mark.parametrize("reply", ["452 4.2.2 full", "450 4.5.3 later", "552 5.2.2 full"])
    async def test_other_refusals_are_not_of_too_many(self, sender: SmtpSender, reply: str) -> None:
        peer = Peer({"RCPT TO:<carol@example.net>": reply})
        assert codes(await sent(sender, peer)) == {CAROL: int(reply[:3])}
        assert peer.verbs().count("MAIL") == 1

    async def test_who_was_refused_stays_so_whatever_becomes_of_the_others(self, sender: SmtpSender) -> None:
        peer = Peer({"RCPT TO:<bob@example.org>": "550 no", ".": "451 later"})
        assert codes(await sent(sender, peer)) == {BOB: 550, CAROL: 451}

    async def test_wishes_go_as_far_as_the_peer_goes(self, sender: SmtpSender) -> None:
        wishes = Wishes(
            priority=3, envelope_id="QQ+2B1", returns="HDRS", notify={BOB: "SUCCESS,FAILURE"},
            original_recipients={BOB: "rfc822;Bob@elsewhere.example"},
        )  # fmt: skip
        peer = Peer(features=(*EVERY_FEATURE, "DSN", "MT-PRIORITY"))
        result = await sent(sender, peer, wishes=wishes)
        assert result.passed_on == {BOB, CAROL}
        assert peer.lines[1].split()[3:] == ["MT-PRIORITY=3", "RET=HDRS", "ENVID=QQ+2B1"]
        assert peer.lines[2] == "RCPT TO:<bob@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Bob@elsewhere.example"
        assert peer.lines[3] == "RCPT TO:<carol@example.net>"
        plain = Peer()
        assert (await sent(sender, plain, wishes=wishes)).passed_on == set()
        assert plain.lines[1:3] == [f"MAIL FROM:<> SIZE={content().size}", "RCPT TO:<bob@example.org>"]

    async def test_a_wish_never_breaks_out_of_its_line(self, sender: SmtpSender) -> None:
        evil = "x\r\nRCPT TO:<evil@x.example>"
        wishes = Wishes(envelope_id=evil, returns="a b", notify={BOB: evil}, original_recipients={BOB: "rfc822;\n"})
        peer = Peer(features=(*EVERY_FEATURE, "DSN"))
        assert (await sent(sender, peer, [BOB], wishes=wishes)).delivered == [BOB]
        assert peer.lines[1:3] == [f"MAIL FROM:<> SIZE={content().size}", "RCPT TO:<bob@example.org>"]

    async def test_a_domain_outside_of_ascii_goes_with_a_labels(self, sender: SmtpSender) -> None:
        peer = Peer()
        assert (await sent(sender, peer, [address("bob@bücher.example")])).delivered
        assert peer.lines[2] == "RCPT TO:<bob@xn--bcher-kva.example>"

    async def test_a_header_in_utf8_needs_a_peer_that_takes_it_when_it_was_declared(self, sender: SmtpSender) -> None:
        message = content(header="Subject: Grüße\r\n\r\n".encode())
        refused = await sent(sender, Peer(), [BOB], message, wishes=Wishes(utf8=True))
        assert codes(refused) == {BOB: 553}
        assert refused.refused[BOB].text.startswith("553 5.6.7 ")
        assert refused.refused[BOB].is_of_host
        peer = Peer(features=(*EVERY_FEATURE, "SMTPUTF8"))
        assert (await sent(sender, peer, [BOB], message, wishes=Wishes(utf8=True))).delivered == [BOB]
        assert peer.lines[1].endswith(" SMTPUTF8")
        assert (await sent(sender, Peer(), [BOB], message)).delivered == [BOB]

    @pytest.mark.parametrize(
        "variant", [b"\n.\n", b"\r.\r", b"x\n.\nx", b"x\r.\rx", b"\r\n.\n", b"\n.\r\n", b"\n.\r", b"\r.\r\n"]
    )
    async def test_nothing_is_smuggled_in_a_text(self, sender: SmtpSender, variant: bytes) -> None:
        peer = Peer()
        body = b"x" + variant + b"MAIL FROM:<evil@x.example>\r\n"
        assert (await sent(sender, peer, message=content(body))).delivered == [BOB, CAROL]
        (data,) = peer.data
        assert not has_bare_line_ends(data)
        assert peer.verbs() == ["EHLO", "MAIL", "RCPT", "RCPT", "DATA", "QUIT"]

    @pytest.mark.parametrize("body", [b"\r\n\x00.\r\nMAIL\r\n", b"\r\n.\x00\r\n", b"\r\x00\n.\r\n"])
    async def test_nul_octets_stay_here(self, sender: SmtpSender, body: bytes) -> None:
        result = await sent(sender, Peer(), message=content(body))
        assert codes(result) == {BOB: 554, CAROL: 554}
        peer = Peer(features=(*EVERY_FEATURE, "CHUNKING", "BINARYMIME"))
        assert codes(await sent(sender, peer, message=content(body))) == {BOB: 554, CAROL: 554}

    async def test_binary_content_goes_in_chunks_or_not_at_all(self, sender: SmtpSender) -> None:
        body = b"\x00\n.\n\r\r\n.\r\n" + LARGE
        binary = Wishes(binary=True)
        refused = await sent(sender, Peer(), message=content(body), wishes=binary)
        assert refused.refused[BOB].text.startswith("554 5.6.3 ")
        peer = Peer(features=(*EVERY_FEATURE, "CHUNKING", "BINARYMIME"))
        assert (await sent(sender, peer, message=content(body), wishes=binary)).delivered == [BOB, CAROL]
        assert b"".join(peer.chunks) == b"Subject: greetings\r\n\r\n" + body
        assert "BODY=BINARYMIME" in peer.lines[1]
        assert peer.lines[-2] == "BDAT 0 LAST"
        assert peer.data == []

    async def test_a_refused_chunk_refuses_the_mail(self, sender: SmtpSender) -> None:
        peer = Peer({"BDAT": "552 too large"}, (*EVERY_FEATURE, "CHUNKING", "BINARYMIME"))
        result = await sent(sender, peer, message=content(b"\x00"), wishes=Wishes(binary=True))
        assert codes(result) == {BOB: 552, CAROL: 552}

    async def test_what_was_declared_binary_and_is_text_goes_as_text(self, sender: SmtpSender) -> None:
        peer = Peer()
        assert (await sent(sender, peer, wishes=Wishes(binary=True))).delivered == [BOB, CAROL]
        assert "BODY" not in peer.lines[1]

    @pytest.mark.parametrize(
        ("step", "reply"), [("DATA", "250 ok"), (".", "354 go on"), ("MAIL", "354 go on"), ("RCPT", "100 wait")]
    )
    @with_and_without_pipelining
    async def test_an_answer_out_of_place_delivers_nothing(
        self, sender: SmtpSender, features: Sequence[str], step: str, reply: str
    ) -> None:
        result = await sent(sender, Peer({step: reply}, features))
        assert (result.delivered, codes(result)) == ([], {BOB: 0, CAROL: 0})
        assert reply in result.refused[BOB].text

    @pytest.mark.parametrize("reply", ["454 not now", "500 what?"])
    @pytest.mark.parametrize("features", [("REQUIRETLS",), ("REQUIRETLS", "STARTTLS")])
    async def test_required_tls_is_not_talked_away(
        self, sender: SmtpSender, features: Sequence[str], reply: str
    ) -> None:
        peer = Peer({"STARTTLS": reply}, (*EVERY_FEATURE, *features))
        result = await sent(sender, peer, wishes=Wishes(require_tls=True))
        assert result.refused[BOB].text.startswith("550 5.7.30 ")
        assert "MAIL" not in peer.verbs()

    async def test_what_is_said_before_tls_is_not_taken_for_an_answer_under_it(
        self, sender: SmtpSender, tmp_path: Path
    ) -> None:
        first_start.make_certificate(tmp_path, "next.example")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tmp_path / "tls/certificate.pem", tmp_path / "tls/key.pem")
        peer = Peer({"STARTTLS": "220 go\r\n250 evil.example"}, (*EVERY_FEATURE, "STARTTLS"), tls=context)
        result = await sent(sender, peer)
        assert (result.delivered, codes(result)) == ([], {BOB: 0, CAROL: 0})
        assert peer.verbs() == ["EHLO", "STARTTLS"]

    async def test_mail_goes_without_tls_where_tls_fails_and_nobody_insists(self, sender: SmtpSender) -> None:
        broken = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)  # a server without a certificate
        peer = Peer(features=(*EVERY_FEATURE, "STARTTLS", "REQUIRETLS", "AUTH PLAIN"), tls=broken)
        result = await sent(sender, peer)
        assert result.delivered == [BOB, CAROL]
        assert result.tls is not None
        assert result.tls.failure is not None
        # in reports, a handshake that fails is not a server without STARTTLS (RFC 8460 §4.3)
        assert (result.tls.is_used, result.tls.failure.type) == (False, TlsFailureType.VALIDATION_FAILURE)
        assert peer.verbs()[:4] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]
        peer.lines.clear()
        assert codes(await sent(sender, peer, wishes=Wishes(require_tls=True))) == {BOB: 0, CAROL: 0}
        async with peer.running():
            for options in (SendOptions(user="user", password="secret"), SendOptions(verify_certificate=True)):
                assert codes(await sender.send(HOST, peer.port, None, [BOB], content(), options)) == {BOB: 0}
        assert peer.verbs() == ["EHLO", "STARTTLS"] * 3

    @pytest.mark.parametrize("use_starttls", [True, False])
    async def test_the_password_goes_in_the_clear_only_if_tls_is_switched_off(
        self, sender: SmtpSender, use_starttls: bool
    ) -> None:
        peer = Peer({"AUTH": "235 welcome"}, features=(*EVERY_FEATURE, "AUTH PLAIN"))
        async with peer.running():
            options = SendOptions(user="user", password="secret", use_starttls=use_starttls)
            result = await sender.send(HOST, peer.port, None, [BOB], content(), options)
        assert ("AUTH" in peer.verbs()) is not use_starttls
        assert codes(result) == ({BOB: 0} if use_starttls else {})
        assert result.delivered == ([] if use_starttls else [BOB])

    async def test_the_password_does_not_go_in_the_clear_where_tls_was_offered(self, sender: SmtpSender) -> None:
        peer = Peer({"STARTTLS": "554 not now"}, features=(*EVERY_FEATURE, "STARTTLS", "AUTH PLAIN"))
        async with peer.running():
            options = SendOptions(user="user", password="secret")
            result = await sender.send(HOST, peer.port, None, [BOB], content(), options)
        assert codes(result) == {BOB: 0}
        assert peer.verbs()[:2] == ["EHLO", "STARTTLS"]
        assert "AUTH" not in peer.verbs()

    @pytest.mark.parametrize(
        ("step", "is_of_host"), [("greeting", True), ("HELO", True), ("MAIL", False), ("DATA", False)]
    )
    async def test_what_a_host_refuses_before_it_knows_of_a_mail_says_nothing_of_others(
        self, sender: SmtpSender, step: str, is_of_host: bool
    ) -> None:
        result = await sent(sender, Peer({"EHLO": "502 unknown", step: "554 go away"}))
        assert (codes(result)[BOB], result.refused[BOB].is_of_host) == (554, is_of_host)

    async def test_eight_bit_text_is_declared(self, sender: SmtpSender) -> None:
        peer = Peer()
        assert (await sent(sender, peer, message=content("Grüße\r\n".encode()))).delivered
        assert "BODY=8BITMIME" in peer.lines[1]

    async def test_required_tls_is_verified_and_declared(
        self, sender: SmtpSender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first_start.make_certificate(tmp_path, "next.example")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tmp_path / "tls/certificate.pem", tmp_path / "tls/key.pem")
        wishes = Wishes(require_tls=True)
        with_tls = (*EVERY_FEATURE, "REQUIRETLS", "STARTTLS")
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        for features in (EVERY_FEATURE, with_tls):
            unknown = await sent(sender, Peer(features=features, tls=context), wishes=wishes, name="next.example")
            assert codes(unknown) == {BOB: 550, CAROL: 550}
            assert unknown.refused[BOB].text.startswith("550 5.7.30 ")
            assert unknown.refused[BOB].is_of_host
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls/certificate.pem"))
        other = await sent(sender, Peer(features=with_tls, tls=context), wishes=wishes, name="other.example")
        assert codes(other) == {BOB: 550, CAROL: 550}
        without = Peer(features=(*EVERY_FEATURE, "STARTTLS"), tls=context)
        assert codes(await sent(sender, without, wishes=wishes, name="next.example")) == {BOB: 550, CAROL: 550}
        peer = Peer(features=with_tls, tls=context)
        assert (await sent(sender, peer, wishes=wishes, name="next.example")).delivered == [BOB, CAROL]
        assert peer.verbs()[:4] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]
        assert peer.lines[3].endswith(" REQUIRETLS")

    @pytest.mark.parametrize("fails_at_pass", [1, 2])
    @pytest.mark.parametrize("is_cut", [True, False], ids=["cut", "unreadable"])
    @pytest.mark.parametrize("binary", [True, False], ids=["BDAT", "DATA"])
    async def test_a_body_that_cannot_be_read_to_its_end_is_never_ended_as_a_message(
        self, sender: SmtpSender, binary: bool, is_cut: bool, fails_at_pass: int
    ) -> None:
        body = FailingBody((b"\x00" if binary else b"") + LARGE, fails_at_pass, is_cut=is_cut)
        peer = Peer(features=(*EVERY_FEATURE, "CHUNKING", "BINARYMIME"))
        message = MessageContent(b"Subject: greetings\r\n\r\n", body)
        result = await sent(sender, peer, message=message, wishes=Wishes(binary=binary))
        assert (result.delivered, codes(result)) == ([], {BOB: 0, CAROL: 0})
        assert peer.data == []
        assert "BDAT 0 LAST" not in peer.lines
