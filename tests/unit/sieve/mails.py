"""Mails that the tests of Sieve run scripts over."""

from compostela.sieve.host import Envelope, MessageBytes

_PLAIN = """\
Return-Path: <joe@firm.example>
Received: from mx.firm.example by mail.example.org with ESMTP; Fri, 27 Nov 2026 09:15:30 +0100
Received: from pc.firm.example by mx.firm.example; Fri, 27 Nov 2026 00:10:00 -0500
From: "Joe Q. Public" <joe@firm.example>
To: Bob <bob+work@example.org>, "Carol, the boss" <carol@example.net>
Cc: (a comment) dave@sub.example.org
Resent-To: bob@example.org
Subject: Minutes of the  meeting
Date: Fri, 27 Nov 2026 09:15:00 +0100
Message-ID: <plain.1@firm.example>
X-Priority: 3
X-Empty:
X-Twice: first
X-Twice: second
X-Folded: one
 two
\tthree
X-Number: 0042

Dear Bob,

see you at noon. The price is 100% of $5.
Line with UPPER and lower.
"""

_LIST = """\
From: announce@lists.example
To: members@lists.example
Subject: [members] News
List-Id: Members <members.lists.example>
List-Unsubscribe: <mailto:leave@lists.example>
Precedence: list
Message-ID: <list.1@lists.example>
Date: Thu, 1 Jan 2026 00:30:00 +0000

News.
"""

_ENCODED = """\
From: =?utf-8?q?Zo=C3=AB?= <zoe@example.com>
To: bob@example.org
Subject: =?iso-8859-1?q?Gr=FC=DFe?= =?utf-8?b?YXVzIEvDtmxu?= plain
Message-ID: <enc.1@example.com>
Date: Mon, 29 Feb 2024 23:59:58 -0730
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Sch=C3=B6ne Gr=C3=BC=C3=9Fe und eine lange =
Zeile.
"""

_MULTIPART = """\
From: ann@example.com
To: bob@example.org
Subject: with parts
Message-ID: <multi.1@example.com>
Date: Fri, 27 Nov 2026 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

Prologue of outer.
--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=us-ascii

A plain part.
--inner
Content-Type: text/html; charset=utf-8

<html><body><p>A <b>hyper</b> part.</p></body></html>
--inner--
--outer
Content-Type: application/pdf; name="report.pdf"
Content-Disposition: attachment; filename="report.pdf"
Content-Transfer-Encoding: base64

JVBERi1zZWNyZXQ=
--outer
Content-Type: message/rfc822

From: inner@example.net
To: outer@example.net
Subject: enclosed mail

Text of the enclosed mail.
--outer--
Epilogue of outer.
"""

_BOUNCE = """\
From: MAILER-DAEMON@example.net
To: bob@example.org
Subject: Undelivered Mail
Auto-Submitted: auto-replied
Message-ID: <bounce.1@example.net>
Date: Fri, 27 Nov 2026 10:00:00 +0000

It failed.
"""

_BARE = """\
Subject: bare

x
"""

MAILS = {
    name: text.replace("\n", "\r\n").encode()
    for name, text in {
        "plain": _PLAIN, "list": _LIST, "encoded": _ENCODED, "multipart": _MULTIPART, "bounce": _BOUNCE, "bare": _BARE,
    }.items()
}  # fmt: skip


def mail(name: str) -> MessageBytes:
    return MessageBytes.of(MAILS[name])


ENVELOPE = Envelope("joe@firm.example", "bob@example.org")
