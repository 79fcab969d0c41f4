"""Many sessions on the same mailboxes, each with its own picture, which must be right at each step and the same at the end.

By hand, against a server of its own: `python -m tests.consistency.run --sessions 10 --steps 2000 --seed 7`.
"""

import argparse
import asyncio
import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.consistency.actors import MAILBOXES, Actor
from tests.consistency.responses import Broken
from tests.consistency.session import Known, Session
from tests.server_process import ServerProcess


async def play(ports: Sequence[int], user: str, *, sessions: int, steps: int, seed: int) -> int:
    """The number of steps done; the sessions take turns among the ports. Raises `Broken`, with the last lines of the session
    that saw it."""
    known = Known()
    opened = [await Session.open(ports[number % len(ports)], user, known) for number in range(sessions)]
    await opened[0].command("CREATE Second")
    actors = [Actor(session, f"{seed}/{number}") for number, session in enumerate(opened)]
    try:
        results = await asyncio.gather(*(_guarded(actor, steps) for actor in actors), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        for mailbox in MAILBOXES:
            for port in ports:
                await _agree(port, user, known, opened, mailbox)
    finally:
        for session in opened:
            await session.close()
    return sum(actor.steps for actor in actors)


async def _guarded(actor: Actor, steps: int) -> None:
    try:
        await actor.run(steps)
    except (Broken, AssertionError, TimeoutError) as error:
        last = b"\n".join(actor.session.log).decode("utf-8", "replace")
        raise Broken(f"{error or type(error).__name__}\n{last}") from error


async def _agree(port: int, user: str, known: Known, sessions: list[Session], mailbox: str) -> None:
    """Those that have it selected know what a new session is told."""
    fresh = await Session.open(port, user, known)
    await fresh.select(mailbox)
    await fresh.command("FETCH 1:* (UID FLAGS)")
    truth = [(seen.uid, seen.flags) for seen in fresh.view]
    for session in sessions:
        if session.mailbox != mailbox:
            continue
        await session.command("NOOP")
        told = [(seen.uid, seen.flags) for seen in session.view]
        for (uid, flags), (true_uid, true_flags) in zip(told, truth, strict=True):
            if uid not in (None, true_uid) or flags not in (None, true_flags):
                raise Broken(f"{mailbox}: a session knows {uid} {flags}, a new one {true_uid} {true_flags}")
    await fresh.close()


class Neighbour(ServerProcess):
    """Another process on the data of the first."""

    of: ServerProcess

    @property
    def data(self) -> Path:
        return self.of.data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--steps", type=int, default=1000, help="a session")
    parser.add_argument("--processes", type=int, default=1, help="servers on the same data folder")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ending:
        servers = [ServerProcess(Path(folder, "0"))]
        for number in range(1, options.processes):
            neighbour = Neighbour(Path(folder, str(number)))
            neighbour.of = servers[0]
            servers.append(neighbour)
        for server in servers:
            server.start()
            ending.callback(server.stop)
        servers[0].wait_for_web()
        servers[0].add_user("ann@example.org")
        wanted = {"sessions": options.sessions, "steps": options.steps, "seed": options.seed}
        done = asyncio.run(play([server.imap for server in servers], "ann@example.org", **wanted))
        print(f"{done} steps of {options.sessions} sessions with the seed {options.seed}: all pictures agree")


if __name__ == "__main__":
    main()
