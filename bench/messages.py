"""Messages to measure with: every one differs, and compresses as prose does.

Equal bodies would be stored once by a server that looks for them, and bytes of pure chance would never be compressed."""

import random
from functools import cache

LINE = 74
_SEED = 3


class Source:
    """Makes messages of about `size` octets. `tag` keeps those of two processes apart."""

    def __init__(self, size: int, tag: str) -> None:
        self._lines = _lines(max(200, 3 * size // LINE))
        self._tag = tag
        self._count = max(1, (size - 420) // (LINE + 2))
        self._number = 0

    def next(self, *, multipart: bool = False) -> bytes:
        """A whole message with CRLF, without dots to stuff."""
        self._number += 1
        number = f"{self._tag}.{self._number}"
        start = self._number * 7 % (len(self._lines) - self._count)
        text = b"\r\n".join([b"Mail %s" % number.encode(), *self._lines[start : start + self._count], b""])
        head = (
            f"From: Ana Sender <sender{self._number % 50}@bench.example>\r\n"
            f"To: Someone <someone@example.org>\r\nSubject: A message to measure with, number {number}\r\n"
            f"Message-ID: <{number}@bench.example>\r\nDate: Mon, 23 Nov 2026 12:00:00 +0000\r\n"
            "User-Agent: bench\r\nMIME-Version: 1.0\r\n"
        ).encode()
        if not multipart:
            return head + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text
        return (
            head + b'Content-Type: multipart/mixed; boundary="=_b"\r\n\r\n--=_b\r\nContent-Type: text/plain\r\n\r\n' + text
            + b'\r\n--=_b\r\nContent-Type: application/octet-stream; name="a.bin"\r\nContent-Transfer-Encoding: base64\r\n'
            b'Content-Disposition: attachment; filename="a.bin"\r\n\r\nAAECAwQFBgcICQoLDA0ODw==\r\n--=_b--\r\n'
        )  # fmt: skip


@cache
def _lines(count: int) -> list[bytes]:
    """Always the same ones."""
    rng = random.Random(_SEED)
    words = ["".join(rng.choices("etaoinshrdlucmfw", k=rng.randint(2, 9))) for _ in range(2500)]
    return [_line(rng, words) for _ in range(count)]


def _line(rng: random.Random, words: list[str]) -> bytes:
    line = ""
    while len(line) < LINE:
        line += rng.choice(words) + " "
    return line[:LINE].encode()
