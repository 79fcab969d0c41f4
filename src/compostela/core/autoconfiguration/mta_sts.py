"""The MTA-STS policy (RFC 8461): what it says, and the identifier that changes with it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from compostela.core.autoconfiguration.settings import MtaStsMode

POLICY_PATH = "/.well-known/mta-sts.txt"
_ID_LENGTH = 20


@dataclass(frozen=True, slots=True)
class MtaStsPolicy:
    """§3.2."""

    mode: str
    mx: tuple[str, ...]
    max_age: int

    @property
    def text(self) -> str:
        lines = ["version: STSv1", f"mode: {self.mode}", *(f"mx: {host}" for host in self.mx)]
        return "".join(f"{line}\r\n" for line in [*lines, f"max_age: {self.max_age}"])

    @property
    def id(self) -> str:
        """For the TXT record (§3.1): made of the text, so that it changes exactly when the policy does."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:_ID_LENGTH]

    def covers(self, host: str) -> bool:
        """RFC 8461 §4.1: `*.` matches exactly one label."""
        name = host.lower().rstrip(".")
        _, _, rest = name.partition(".")
        return any(pattern == name or (pattern[:2] == "*." and pattern[2:] == rest) for pattern in self.mx)


def own_policy(mode: MtaStsMode, hosts: Sequence[str], max_age: int) -> MtaStsPolicy:
    return MtaStsPolicy(mode.value, tuple(hosts), max_age)


def parse_policy(text: str) -> MtaStsPolicy:
    """Raises ValueError with what is wrong (§3.2)."""
    single: dict[str, str] = {}
    mx: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not line.strip():
            continue
        if not colon:
            raise ValueError(f"{line[:80]!r} is not 'key: value'")
        if key == "mx":
            mx.append(value.lower().rstrip("."))
        else:
            single.setdefault(key, value)
    if single.get("version") != "STSv1":
        raise ValueError("'version: STSv1' is missing")
    mode, age = single.get("mode", ""), single.get("max_age", "")
    if mode not in {one.value for one in MtaStsMode}:
        raise ValueError(f"the mode {mode[:40]!r} is none of testing, enforce, none")
    if not age.isdecimal() or len(age) > 10:
        raise ValueError("'max_age' is missing or no number")
    if "" in mx:
        raise ValueError("an 'mx' is empty")
    if not mx and mode != MtaStsMode.NONE.value:
        raise ValueError("no 'mx' is named")
    return MtaStsPolicy(mode, tuple(mx), int(age))
