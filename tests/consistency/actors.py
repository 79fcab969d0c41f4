"""What the sessions do, drawn at random: everything that changes a mailbox or tells of it."""

import random
from collections.abc import Awaitable, Callable
from itertools import count

from tests.consistency.responses import Broken
from tests.consistency.session import Done, Seen, Session

MAILBOXES = ("INBOX", "Second")
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "\\Deleted", "$Label", "\\Draft")
_ids = count(1)


class Actor:
    """One session under a seed. Raises `Broken` with the last lines of its session."""

    def __init__(self, session: Session, seed: str) -> None:
        self.session = session
        self._random = random.Random(seed)
        self.steps = 0

    async def run(self, steps: int) -> None:
        await self.session.select(self._random.choice(MAILBOXES))
        actions: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (20, self._fetch), (20, self._store), (12, self._append), (10, self._noop), (8, self._copy), (6, self._move),
            (6, self._expunge), (6, self._search), (4, self._idle), (2, self._select), (2, self._close),
        ]  # fmt: skip
        weights = [weight for weight, _ in actions]
        for _ in range(steps):
            ((_, action),) = self._random.choices(actions, weights)
            await action()
            self.steps += 1

    def _some(self) -> tuple[str, int, int] | None:
        """A range of sequence numbers."""
        size = len(self.session.view)
        if not size:
            return None
        low = self._random.randint(1, size)
        high = min(size, low + self._random.choice((0, 0, 1, 5)))
        return f"{low}:{high}", low, high

    async def _ok(self, text: str, literal: bytes | None = None, *, may_fail: bool = False) -> Done:
        done = await self.session.command(text, literal)
        if done.status != "OK" and not (may_fail and done.status == "NO"):
            raise Broken(f"{text}: {done.status} {done.text!r}")
        return done

    async def _fetch(self) -> None:
        if (some := self._some()) is None:
            return
        sequence, low, high = some
        items = self._random.choice(("(UID FLAGS)", "(UID FLAGS MODSEQ)", "(UID BODY.PEEK[HEADER.FIELDS (X-ID)])"))
        # for what another session has expunged there may be nothing to tell (RFC 2180 §4.1)
        done = await self._ok(f"FETCH {sequence} {items}", may_fail=True)
        for values in done.untagged:
            if values[1] == "FETCH" and "BODY" in items and not low <= int(str(values[0])) <= high:
                assert isinstance(values[2], list)
                if any(str(item).startswith("BODY[") for item in values[2]):
                    raise Broken(f"FETCH {sequence} told of the body of {values[0]!r}")

    async def _store(self) -> None:
        if (some := self._some()) is None:
            return
        sequence, low, high = some
        how = self._random.choice(("+FLAGS", "-FLAGS", "FLAGS", "+FLAGS.SILENT"))
        chosen = self._random.sample(FLAGS, self._random.randint(1, 2))
        chosen_messages = self.session.view[low - 1 : high]
        by_uid = [seen.uid for seen in chosen_messages]
        if how.endswith("SILENT"):
            _expect(chosen_messages, chosen)
        if self._random.random() < 0.5 and None not in by_uid:
            await self._ok(f"UID STORE {by_uid[0]}:{by_uid[-1]} {how} ({' '.join(chosen)})", may_fail=True)
        else:
            await self._ok(f"STORE {sequence} {how} ({' '.join(chosen)})", may_fail=True)

    async def _append(self) -> None:
        literal = b"X-ID: %d\r\nSubject: consistency\r\n\r\nbody\r\n" % next(_ids)
        done = await self._ok(f"APPEND {self._random.choice(MAILBOXES)} (\\Flagged)", literal)
        if b"APPENDUID" not in done.codes:
            raise Broken(f"no APPENDUID: {done.text!r}")

    async def _noop(self) -> None:
        await self._ok(self._random.choice(("NOOP", "CHECK")))

    async def _copy(self) -> None:
        await self._take("COPY")

    async def _move(self) -> None:
        await self._take("MOVE")

    async def _take(self, verb: str) -> None:
        if (some := self._some()) is None:
            return
        done = await self._ok(f"{verb} {some[0]} {self._random.choice(MAILBOXES)}", may_fail=True)
        if code := done.codes.get(b"COPYUID"):
            _, sources, targets = code.split(b" ")
            if _size(sources) != _size(targets):
                raise Broken(f"COPYUID of unequal length: {code!r}")

    async def _expunge(self) -> None:
        if (some := self._some()) is not None:
            chosen_messages = self.session.view[some[1] - 1 : some[2]]
            _expect(chosen_messages, ["\\Deleted"])
            await self._ok(f"STORE {some[0]} +FLAGS.SILENT (\\Deleted)", may_fail=True)
        await self._ok("EXPUNGE")

    async def _search(self) -> None:
        size = len(self.session.view)
        done = await self._ok(self._random.choice(("SEARCH UNSEEN", "SEARCH ALL", "SEARCH DELETED MODSEQ 1")))
        for values in done.untagged:
            numbers = (
                [int(str(value)) for value in values[1:] if isinstance(value, str)] if values[0] == "SEARCH" else []
            )
            if numbers and (numbers != sorted(set(numbers)) or numbers[-1] > max(size, len(self.session.view))):
                raise Broken(f"SEARCH tells of {numbers}, {len(self.session.view)} messages are known")

    async def _idle(self) -> None:
        done = await self.session.idle(self._random.random() / 50)
        if done.status != "OK":
            raise Broken(f"IDLE: {done.text!r}")

    async def _select(self) -> None:
        await self.session.select(self._random.choice(MAILBOXES))

    async def _close(self) -> None:
        await self._ok("CLOSE")
        await self.session.select(self._random.choice(MAILBOXES))


def _size(uids: bytes) -> int:
    total = 0
    for part in uids.split(b","):
        low, _, high = part.partition(b":")
        total += int(high or low) - int(low) + 1
    return total


def _expect(messages: list[Seen], flags: list[str]) -> None:
    """A silent STORE tells nothing of what it did itself, so the client reckons it, before the server may tell of more."""
    for seen in messages:
        if seen.flags is not None:
            seen.flags |= set(flags)
