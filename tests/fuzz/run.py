"""`python -m tests.fuzz.run TARGET`: mutates seeds for as long as is wished. Stops at the first input that breaks a check and
prints it."""

import argparse
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.checks import TARGETS

ROOT = Path(__file__).parents[2]
MAX_OCTETS = 20_000
WORDS: dict[str, Sequence[bytes]] = {
    "smtp": (b"\r\n", b"\r\n.\r\n", b"DATA\r\n", b"MAIL FROM:<", b">", b"AUTH PLAIN", b"\n.\n", b"\r.\r"),
    "smtp_client": (b"\r\n", b"\n", b"250 ok\r\n", b"250-", b"334 \r\n", b"354 go\r\n", b"421 bye\r\n", b"250 PIPELINING\r\n", b"x" * 600, b"\xff"),
    "imap": (b"\r\n", b"{3}\r\n", b"{3+}\r\n", b"(", b")", b'"', b"APPEND INBOX ", b"FETCH 1 BODY[", b"]", b"LOGIN a b\r\n", b"\\"),
    "pop3": (b"\r\n", b"USER a\r\n", b"PASS b\r\n", b"AUTH PLAIN\r\n", b"TOP 1 ", b"RETR ", b"QUIT\r\n", b"STLS\r\n", b"\x00", b" "),
    "managesieve": (b"\r\n", b"{3+}\r\n", b"{0}\r\n", b"{800+}\r\n", b'"', b"\\", b'NOOP "a"\r\n', b'AUTHENTICATE "PLAIN"\r\n', b'"AA=="\r\n', b"\x00", b" "),
    "mime": (b"\r\n", b"\r\n\r\n", b"--", b"Content-Type: ", b"multipart/mixed; boundary=", b"=?utf-8?b?", b"?=", b"message/rfc822", b"*="),
    "sieve": (
        b";", b"{", b"}", b"(", b")", b'"', b"[", b"]", b",", b"text:\n", b"\n.\n", b"/*", b"*/", b"#", b"\\", b"${1}", b"${", b"*", b"?",
        b":matches ", b":regex ", b":count \"ge\" ", b":index 1 ", b":mime ", b"if ", b"not ", b"anyof ", b"foreverypart { ", b"set \"a\" ",
    ),
    "configuration": (b"<", b">", b"</", b"&amp;", b"<!--", b"<![CDATA[", b"${env:", b"}", b"=", b"\\", b"\n", b"<!DOCTYPE a ["),
}  # fmt: skip


def seeds(target: str) -> list[bytes]:
    """Inputs to begin with."""
    match target:
        case "smtp":
            return [
                b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: x\r\n\r\n..hi\r\n.\r\nAUTH PLAIN\r\nAA==\r\nQUIT\r\n"
            ]
        case "smtp_client":
            greeting = b"220 x\r\n250-x\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n"
            return [
                greeting
                + b"334 \r\n235 2.7.0 ok\r\n250 ok\r\n250 ok\r\n550 5.1.1 no\r\n354 go on\r\n250 2.0.0 taken\r\n221 bye\r\n"
            ]
        case "imap":
            return [
                b"a LOGIN u p\r\nb SELECT INBOX\r\nc FETCH 1:* (FLAGS BODY[HEADER.FIELDS (A B)])\r\nd SEARCH OR SEEN SUBJECT {3}\r\nabc\r\n",
                b'a LOGIN {1+}\r\nu {1+}\r\np\r\nb APPEND INBOX (\\Seen) {5+}\r\nhello\r\nc STORE 1 FLAGS (x)\r\nd UID COPY 1 "a"\r\n',
            ]
        case "pop3":
            return [
                b"CAPA\r\nUTF8\r\nAUTH PLAIN\r\nAA==\r\nUSER u\r\nPASS p\r\nSTAT\r\nLIST 1\r\nUIDL\r\nTOP 1 2\r\nRETR 1\r\nDELE 1\r\nRSET\r\nQUIT\r\n"
            ]
        case "managesieve":
            return [
                b'CAPABILITY\r\nAUTHENTICATE "PLAIN" "AA=="\r\nPUTSCRIPT "a" {6+}\r\nkeep;\n\r\nHAVESPACE "a" 9\r\nSETACTIVE ""\r\n'
                b'CHECKSCRIPT {3}\r\nabc\r\nRENAMESCRIPT "a" "b"\r\nUNAUTHENTICATE\r\nAUTHENTICATE "X"\r\n"*"\r\nLOGOUT\r\n'
            ]
        case "mime":
            return [path.read_bytes()[:MAX_OCTETS] for path in sorted((ROOT / "tests/data/corpus").glob("*.msg"))]
        case "sieve":
            cases = sorted((ROOT / "tests/data/sieve/cases").glob("*.txt"))
            return [text.partition(b"\n")[2] for path in cases for text in path.read_bytes().split(b"### ")[1:]]
        case _:
            return [path.read_bytes()[:MAX_OCTETS] for path in sorted((ROOT / "conf").iterdir()) if path.is_file()]


def mutated(octets: bytes, words: Sequence[bytes], dice: random.Random) -> bytes:
    """One to four small changes."""
    data = bytearray(octets)
    for _ in range(dice.randint(1, 4)):
        at = dice.randint(0, len(data))
        length = dice.choice((1, 2, 8, 64, 512))
        match dice.randint(0, 4):
            case 0:
                del data[at : at + length]
            case 1:
                data[at:at] = dice.choice(words)
            case 2:
                data[at:at] = data[at : at + length] * dice.randint(1, 3)
            case 3:
                data[at : at + 1] = bytes([dice.randrange(256)])
            case _:
                other = dice.randint(0, len(data))
                data[at:at] = data[other : other + length]
    return bytes(data[:MAX_OCTETS])


def run(target: str, *, rounds: int, seconds: float, seed: int) -> bytes | None:
    """The input that broke a check, None when there is none."""
    dice, check, known = random.Random(seed), TARGETS[target], seeds(target)
    end = time.monotonic() + seconds
    for number in range(rounds):
        if time.monotonic() > end:
            break
        octets = mutated(dice.choice(known), WORDS[target], dice)
        try:
            check(octets)
        except Exception as error:
            print(f"{target}, seed {seed}, round {number}: {error!r}\n{octets.hex()}", file=sys.stderr)
            return octets
        if len(known) < 2000 and dice.random() < 0.05:
            known.append(octets)
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    options = parser.parse_args()
    print(f"{options.target}, seed {options.seed}, {options.seconds:g} s")
    sys.exit(run(options.target, rounds=10**12, seconds=options.seconds, seed=options.seed) is not None)


if __name__ == "__main__":
    main()
