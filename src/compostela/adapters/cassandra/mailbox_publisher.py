"""Writes to mailboxes: one publisher for each mailbox of a process, so that contenders are nodes and not callers.

Appends that wait become one publish. A writer plans on the kept state without reading; when the publish is refused it reads the
news and plans again. It answers that there is nothing to do only after a fresh read.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from compostela.adapters.cassandra.listener_news import ListenerNews
from compostela.adapters.cassandra.mailbox_log import Publication, Published, pause
from compostela.adapters.cassandra.mailbox_states import TRIES, MailboxTables, OpenLog, OpenLogs
from compostela.base.errors import TemporaryFailure
from compostela.core.mailbox.log_and_pages.entries import Facts
from compostela.core.mailbox.log_and_pages.page import Level
from compostela.core.mailbox.log_and_pages.planning import (
    MAX_MESSAGES_OF_A_PUBLISH,
    Addition,
    Plan,
    plan_additions,
)
from compostela.core.mailbox.log_and_pages.projection import Projection
from compostela.core.mailbox.log_and_pages.state import MailboxState, Restart
from compostela.model.flags import Flags

T = TypeVar("T")

APPENDS_OF_A_PUBLISH = 64
MAX_WAITING = 10_000
"""Calls that may wait for one mailbox; more are refused as a temporary failure."""
CONFLICTS = 200
"""Publishes of one call that other nodes were faster than."""
TOKEN_BYTES = 8


def new_token() -> bytes:
    return os.urandom(TOKEN_BYTES)


@dataclass(eq=False, slots=True)
class Job(Generic[T]):
    """One call. It goes whole or not at all; a caller that goes away before it is taken up takes it along."""

    future: asyncio.Future[T]
    is_taken_up: bool = False


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What an append answers, as it is stored with its effect."""

    first_uid: int
    first_modseq: int
    ids: tuple[bytes, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Answer)


@dataclass(eq=False, slots=True)
class AppendJob(Job[Answer]):
    messages: Sequence[tuple[Flags, Facts]] = ()
    effect: bytes | None = None
    token: bytes = field(default_factory=new_token)


@dataclass(eq=False, slots=True)
class ChangeJob(Job[Any]):
    """Any other call. `plan` gives the answer and what to publish; None when there is nothing to do."""

    needs: Callable[[MailboxState], Mapping[int, Level]] = field(default=lambda _state: {})
    plan: Callable[[MailboxState], tuple[Any, Plan | None]] = field(default=lambda _state: (None, None))
    token: bytes = field(default_factory=new_token)


class Publishers:
    """Those of a process. `published` is called after each publish, on the loop."""

    def __init__(
        self,
        tables: MailboxTables,
        logs: OpenLogs,
        trim_every: int,
        published: Callable[[OpenLog, MailboxState], None],
        news: ListenerNews | None = None,
    ) -> None:
        self.tables = tables
        self.logs = logs
        self.trim_every = trim_every
        self.published = published
        self.news = news
        self._publishers: dict[str, Publisher] = {}

    async def append(
        self, mailbox: str, messages: Sequence[tuple[Flags, Facts]], effect: bytes | None = None
    ) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        return await self._submit(mailbox, AppendJob(future, messages=messages, effect=effect))

    async def change(
        self,
        mailbox: str,
        needs: Callable[[MailboxState], Mapping[int, Level]],
        plan: Callable[[MailboxState, bytes], tuple[T, Plan | None]],
    ) -> T:
        """`plan` gets the state, with the pages that `needs` names, and the token of the call."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        token = new_token()
        return await self._submit(
            mailbox, ChangeJob(future, needs=needs, plan=lambda state: plan(state, token), token=token)
        )

    def note_projection(self, mailbox: str, projection: Projection) -> None:
        """The next publish tells of it."""
        self._publisher(mailbox).projection = projection

    def projection_of(self, mailbox: str) -> Projection | None:
        """One that no publish has told of."""
        publisher = self._publishers.get(mailbox)
        return None if publisher is None else publisher.projection

    def _publisher(self, mailbox: str) -> "Publisher":
        publisher = self._publishers.get(mailbox)
        if publisher is None:
            publisher = self._publishers[mailbox] = Publisher(self, mailbox)
        return publisher

    def forget(self, mailbox: str) -> None:
        """A deleted mailbox: none will tell of its projection."""
        publisher = self._publishers.get(mailbox)
        if publisher is not None:
            publisher.projection = None
            if publisher.is_idle:
                self.drop(publisher)

    def drop(self, publisher: "Publisher") -> None:
        """One without work; what it knows of a projection is found out again."""
        if self._publishers.get(publisher.mailbox) is publisher and publisher.projection is None:
            del self._publishers[publisher.mailbox]

    async def _submit(self, mailbox: str, job: Job[T]) -> T:
        self._publisher(mailbox).add(job)
        try:
            return await asyncio.shield(job.future)
        except asyncio.CancelledError:
            if not job.is_taken_up:
                job.future.cancel()
            elif not job.future.done():
                # a write that was begun is not left half done: its outcome is known before the caller is gone
                await asyncio.wait([job.future])
            if job.future.done() and not job.future.cancelled():
                job.future.exception()
            raise

    async def close(self) -> None:
        """Ends what was begun and refuses what waits."""
        for publisher in list(self._publishers.values()):
            await publisher.close()


class Publisher:
    def __init__(self, owner: Publishers, mailbox: str) -> None:
        self._owner = owner
        self.mailbox = mailbox
        self.projection: Projection | None = None
        self._waiting: deque[Job[Any]] = deque()
        self._running: asyncio.Task[None] | None = None

    def add(self, job: Job[Any]) -> None:
        if len(self._waiting) >= MAX_WAITING:
            raise TemporaryFailure("too many calls wait for the mailbox")
        self._waiting.append(job)
        if self._running is None:
            self._running = asyncio.create_task(self._run())

    @property
    def is_idle(self) -> bool:
        return self._running is None

    async def close(self) -> None:
        for job in self._waiting:
            if not job.future.done():
                job.future.set_exception(TemporaryFailure("the server is stopping"))
        self._waiting.clear()
        if self._running is not None:
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        try:
            while jobs := self._next():
                try:
                    log = self._owner.logs.get(self.mailbox)
                    if isinstance(jobs[0], AppendJob):
                        await self._append(log, [job for job in jobs if isinstance(job, AppendJob)])
                    else:
                        await self._change(log, jobs[0])
                except Exception as error:
                    # the call fails; a bug of ours is told by it too
                    for job in jobs:
                        if not job.future.done():
                            job.future.set_exception(error)
        finally:
            self._running = None
            self._owner.drop(self)

    def _next(self) -> list[Job[Any]]:
        """The next call, and the appends that follow it if it is one."""
        jobs: list[Job[Any]] = []
        messages = 0
        while self._waiting:
            job = self._waiting[0]
            if job.future.done():
                self._waiting.popleft()
                continue
            size = len(job.messages) if isinstance(job, AppendJob) else 0
            if jobs and not (size and isinstance(jobs[0], AppendJob)):
                break
            messages += size
            if jobs and (len(jobs) == APPENDS_OF_A_PUBLISH or messages > MAX_MESSAGES_OF_A_PUBLISH):
                break
            self._waiting.popleft()
            job.is_taken_up = True
            jobs.append(job)
        return jobs

    # appends

    async def _append(self, log: OpenLog, jobs: list[AppendJob]) -> None:
        for _ in range(CONFLICTS):
            answered = {job.effect: job.future.result() for job in jobs if job.effect is not None and job.future.done()}
            for job in jobs:
                if not job.future.done() and job.effect in answered:
                    job.future.set_result(answered[job.effect])
            pending = _distinct(job for job in jobs if not job.future.done())
            if not pending:
                return
            await self._append_once(log, pending)
        raise TemporaryFailure("other nodes write to the mailbox too fast")

    async def _append_once(self, log: OpenLog, jobs: list[AppendJob]) -> None:
        state = log.state or await log.fresh()
        plan, firsts = plan_additions(state.head, [Addition(job.token, job.messages) for job in jobs])
        answers = [
            Answer(uid, modseq, tuple(facts.message for _, facts in job.messages))
            for job, (uid, modseq) in zip(jobs, firsts, strict=True)
        ]
        effects = [
            (job.effect, _encoder.encode(answer))
            for job, answer in zip(jobs, answers, strict=True)
            if job.effect is not None
        ]
        published = await self._publish(log, state, plan, effects)
        if not published.is_applied:
            for job in jobs:
                if job.effect is not None and job.effect in published.effects:
                    job.future.set_result(_decoder.decode(published.effects[job.effect]))
            if all(job.future.done() for job in jobs):
                return
            if not await self._turns_out_applied(log, published, plan, jobs[0].token):
                return
        for job, answer in zip(jobs, answers, strict=True):
            if not job.future.done():
                job.future.set_result(answer)

    # other calls

    async def _change(self, log: OpenLog, job: Job[Any]) -> None:
        assert isinstance(job, ChangeJob)
        is_fresh = False
        for _ in range(CONFLICTS):
            state = await log.load(job.needs)
            answer, plan = job.plan(state)
            if plan is None:
                if not is_fresh:
                    await log.fresh()
                    is_fresh = True
                    continue
                job.future.set_result(answer)
                return
            published = await self._publish(log, state, plan)
            if published.is_applied or await self._turns_out_applied(log, published, plan, job.token):
                job.future.set_result(answer)
                return
            is_fresh = True
        raise TemporaryFailure("other nodes write to the mailbox too fast")

    # publishing

    async def _publish(
        self, log: OpenLog, state: MailboxState, plan: Plan, effects: Sequence[tuple[bytes, bytes]] = ()
    ) -> Published:
        revision, projection = state.revision, self.projection
        head = plan.head
        if projection is not None:
            # one from before a rebuild may have taken a page for empty that is not
            lowest = head.lowest_page if projection.until < head.rebuilt else projection.lowest_page
            head = msgspec.structs.replace(
                head,
                projected=max(head.projected, projection.until),
                lowest_page=max(head.lowest_page, lowest),
            )
        trims = head.projected - head.floor >= self._owner.trim_every
        if trims:
            head = msgspec.structs.replace(head, floor=head.projected)
        plan = Plan(head, plan.entries, plan.images)
        if self._owner.news is not None and plan.entries:
            await self._owner.news.mailbox_changes(self.mailbox, head.modseq)
        try:
            published = await self._owner.tables.log.publish(Publication(self.mailbox, revision, plan, trims, effects))
        except TemporaryFailure:
            # whether it is applied is not known, so the state is not either
            log.state = None
            raise
        if published.is_applied:
            is_rebuilt = head.rebuilt > state.head.rebuilt
            state.advance(revision, head, plan.row)
            if is_rebuilt:
                log.state = None
            if self.projection is projection:
                self.projection = None
            self._owner.published(log, state)
        return published

    async def _turns_out_applied(self, log: OpenLog, published: Published, plan: Plan, token: bytes) -> bool:
        """After a refusal: whether an earlier try of the same octets was applied. The writer's token is looked for in all
        entries above the ModSeq on which it planned; a reader of this process may have seen them already."""
        if not published.is_unclear:
            # several nodes that lose against one another do not try again in step
            await pause()
            await log.fresh()
            return False
        if plan.entries:
            return await self._is_in_log(log, plan.entries[0].modseq - 1, token)
        state = await log.fresh()
        taken = state.head.taken
        if plan.head.taken is None or plan.head.taken[0] != token:
            return False
        if taken is not None and taken[0] == token:
            return True
        if state.head.first_recent >= plan.head.first_recent:
            raise TemporaryFailure("it is not known whether the call was done")
        return False

    async def _is_in_log(self, log: OpenLog, after: int, token: bytes) -> bool:
        for _ in range(TRIES):
            head = (await log.fresh()).head
            if after < head.kept_from:
                break
            try:
                async for rows in log.history(after, head):
                    if any(entry.token == token for entries, _ in rows for entry in entries):
                        return True
            except Restart:
                # a projector moved rows to the kept log while they were read
                await pause()
            else:
                return False
        raise TemporaryFailure("it is not known whether the call was done")


def _distinct(jobs: Iterable[AppendJob]) -> list[AppendJob]:
    """Of jobs with the same effect the first."""
    found: list[AppendJob] = []
    seen: set[bytes] = set()
    for job in jobs:
        if job.effect is None or job.effect not in seen:
            found.append(job)
            if job.effect is not None:
                seen.add(job.effect)
    return found
