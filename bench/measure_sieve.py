"""What a mail costs in a Sieve script of 200 rules, and what compiling the script costs."""

import time
from statistics import median

from bench.sides import Effort
from bench.table import Row, at_most
from compostela.sieve.actions import FileInto, Keep
from compostela.sieve.host import Envelope, MessageBytes, PlainHost
from compostela.sieve.program import Program
from compostela.sieve.reader import read_script

RULES = 200
_KINDS = (
    'header :contains "Subject" "[topic-{n}]"',
    'address :is "From" "sender-{n}@lists{n}.example"',
    'header :is "List-Id" "<list-{n}.example>"',
    'anyof (header :contains ["To", "Cc"] "team-{n}@", address :domain :is "From" "firm{n}.example")',
    'allof (header :matches "Subject" "*report {n}*", not header :contains "X-Spam" "yes", size :under 5M)',
)


def script() -> str:
    """Rules as users write them, of which a mail fits one at most."""
    rules = [f'if {_KINDS[n % len(_KINDS)].format(n=n)} {{ fileinto "Rules.{n}"; stop; }}' for n in range(RULES)]
    return 'require ["fileinto"];\n' + "\n".join(rules) + "\n"


def mails(count: int) -> list[bytes]:
    """One mail in ten fits a rule, anywhere in the script."""
    found = []
    for n in range(count):
        subject = f"[topic-{n % RULES // 5 * 5}] Minutes" if n % 10 == 0 else f"Minutes of meeting {n}"
        header = (
            f"Received: from mx{n}.example.net (mx{n}.example.net [192.0.2.1])\r\n\tby mail.example.org with ESMTPS id {n:x}\r\n"
            f"\tfor <bob@example.org>; Sat, 28 Nov 2026 10:00:00 +0000\r\n"
            f"DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=mail; h=from:to:subject;\r\n\tbh={'A' * 44}; b={'B' * 64}\r\n"
            f"From: =?utf-8?q?Zo=C3=AB?= Writer {n} <writer{n}@example.net>\r\nTo: Bob <bob@example.org>, carol@example.org\r\n"
            f"Cc: dave@example.org\r\nSubject: {subject}\r\nDate: Sat, 28 Nov 2026 10:00:00 +0000\r\n"
            f"Message-ID: <{n}@example.net>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"List-Id: <announce{n}.example>\r\n\r\n"
        )
        found.append(header.encode() + b"A line of text in the body of a mail.\r\n" * 100)
    return found


def measure(effort: Effort) -> list[Row]:
    text = script()
    begin = time.process_time()
    program = Program(read_script(text).script)
    compiling = (time.process_time() - begin) * 1000
    envelope, host = Envelope("writer@example.net", "bob@example.org"), PlainHost()
    messages = mails(effort.of(10_000, 2_000))
    costs = []
    for _ in range(effort.repeats):
        begin = time.process_time()
        outcomes = [program.run(MessageBytes.of(message), envelope, host) for message in messages]
        costs.append((time.process_time() - begin) / len(messages) * 1000)
        kinds = [type(outcome.actions[0]) for outcome in outcomes]
        assert kinds.count(FileInto) == len(messages) // 10
        assert kinds.count(Keep) == len(messages) - len(messages) // 10
    return [
        Row(f"Sieve, {RULES} rules, CPU", "ms a mail", median(costs), None, at_most(0.5)),
        Row(f"Sieve, {RULES} rules, reading and compiling the script", "ms", compiling),
    ]
