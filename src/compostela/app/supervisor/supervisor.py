"""Keeps the workers of a plan running: starts them, starts another for each that ends, changes all of them on a rolling restart, and
ends them. One thread, one loop over sockets, signals and times."""

import logging
import selectors
import signal
import time
from collections.abc import Iterable
from dataclasses import asdict, replace

from compostela.app.supervisor.messages import Message
from compostela.app.supervisor.plan import Plan
from compostela.app.supervisor.planner import Planner
from compostela.app.supervisor.questions import routed
from compostela.app.supervisor.sockets import ServerSockets
from compostela.app.supervisor.wake_up import SignalPipe
from compostela.app.supervisor.worker import Worker
from compostela.base.listening import BindError
from compostela.base.service_manager import notify, watchdog_seconds
from compostela.base.siblings import NO_RESTART, RollingRestart
from compostela.base.worker_table import MAX_PROCESSES, make_table, mark_absent

_log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often times are looked at when nothing else happens."""
FIRST_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 10.0
"""The longest pause before a worker is started for one that ended; it doubles until one gets ready."""
SILENCE_SECONDS = 60.0
"""A worker that gives no sign of life for so long is killed."""
START_SECONDS = 120.0
"""A worker that is not ready in this time is killed, unless it is the first of a start: it may have a data folder to migrate."""
RESTART_SECONDS = 300.0
"""A rolling restart whose new workers are not all ready in this time is given up."""
STOP_SECONDS = 60.0
"""A worker that was told to end is killed after this time."""
EXIT_FAILURE = 1


class Supervisor:
    """`run` is called once."""

    def __init__(self, plan: Plan, sockets: ServerSockets) -> None:
        """The sockets of the plan are bound already."""
        self._plan = plan
        self._sockets = sockets
        self._bound = sockets.bind(plan.sockets)
        self._selector = selectors.DefaultSelector()
        self._signals = SignalPipe(
            self._selector, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2, signal.SIGCHLD)
        )
        self._table = make_table()
        self._workers: dict[int, Worker] = {}
        self._generation = 1
        self._leader: int | None = None
        self._pause = FIRST_PAUSE_SECONDS
        self._not_before = 0.0
        self._is_first = True
        self._was_ready = False
        self._is_stopping = False
        self._status = 0
        self._planner: Planner | None = None
        self._waiting: list[tuple[Worker, int]] = []
        """Workers that asked for a rolling restart, with the id of the question."""
        self._previous: Plan | None = None
        """During a rolling restart, the plan of the workers that are to end."""
        self._restart_until = 0.0
        self._last_restart = NO_RESTART
        self._told: Message = {}

    def run(self) -> int:
        """Returns the exit status when all workers have ended."""
        period = min(LOOK_SECONDS, (watchdog_seconds() or 2 * LOOK_SECONDS) / 2)
        self._fill(time.monotonic())
        while self._workers or not self._is_stopping:
            for key, events in self._selector.select(self._patience(period)):
                key.data(events)
            now = time.monotonic()
            self._act_on_signals(now)
            self._reap(now)
            self._look_at_times(now)
            if not self._is_stopping:
                self._change_over(now)
                self._fill(now)
                notify("WATCHDOG=1")
            self._tell_workers()
            if not self._is_stopping:
                self._name_leader()
        return self._status

    def _patience(self, period: float) -> float:
        """Seconds until something is due."""
        left = self._not_before - time.monotonic()
        return min(period, left) if left > 0 else period

    # what comes from outside

    def _act_on_signals(self, now: float) -> None:
        for number in self._signals.take():
            match number:
                case signal.SIGTERM | signal.SIGINT:
                    self._stop(now)
                case signal.SIGHUP:
                    for worker in self._workers.values():
                        if worker.is_ready:
                            worker.signal(signal.SIGHUP)
                case signal.SIGUSR2:
                    self._restart(now)

    def _receive(self, worker: Worker, message: Message) -> None:
        """Raises `KeyError` and `TypeError` for what is no message of ours."""
        worker.last_sign_at = time.monotonic()
        match message["is"]:
            case "alive":
                pass
            case "ready":
                self._on_ready(worker)
            case "ask" | "answer":
                ready = [one.number for one in self._workers.values() if one.is_ready]
                for number, passed_on in routed(worker.number, message, ready):
                    if number in self._workers:
                        self._workers[number].send(passed_on)
            case "restart":
                self._waiting.append((worker, message["id"]))
                self._restart(time.monotonic())

    def _on_ready(self, worker: Worker) -> None:
        worker.is_ready = True
        self._pause = FIRST_PAUSE_SECONDS
        _log.info("a worker is ready", extra={"worker": worker.number, "pid": worker.process.pid})
        if not self._was_ready and len(self._ready(self._generation)) == self._plan.workers:
            self._was_ready = True
            notify("READY=1")

    # workers

    def _of(self, generation: int) -> list[Worker]:
        """Those that are to stay."""
        return [one for one in self._workers.values() if one.generation == generation and not one.is_leaving]

    def _ready(self, generation: int) -> list[Worker]:
        return [one for one in self._of(generation) if one.is_ready]

    def _fill(self, now: float) -> None:
        """Starts what is missing, the first worker of a generation alone: it brings the data folder up to date. The old workers of
        one rolling restart end before the next one starts new ones: there are never more than twice as many."""
        serving = [one for one in self._workers.values() if one.is_ready and not one.is_leaving]
        if self._previous is not None and serving and any(one.is_leaving for one in self._workers.values()):
            return
        present = self._of(self._generation)
        wanted = self._plan.workers if any(one.is_ready for one in present) else 1
        for _ in range(wanted - len(present)):
            if now < self._not_before:
                return
            self._start(now)

    def _start(self, now: float) -> None:
        number = next(one for one in range(1, MAX_PROCESSES) if one not in self._workers)
        try:
            worker = Worker(
                number,
                self._generation,
                self._plan.command,
                self._bound,
                self._table,
                self._is_first,
                self._selector,
                self._receive,
                now,
            )
        except OSError as error:
            _log.error("a worker cannot be started: %s", error)
            self._back_off(now)
            return
        self._workers[number] = worker
        self._is_first = False

    def _reap(self, now: float) -> None:
        for worker in list(self._workers.values()):
            status = worker.process.poll()
            if status is None:
                continue
            worker.close()
            del self._workers[worker.number]
            mark_absent(self._table, worker.number)
            self._waiting = [(one, number) for one, number in self._waiting if one is not worker]
            if self._leader == worker.number:
                self._leader = None
            if not worker.is_leaving:
                self._on_death(worker, status, now)

    def _on_death(self, worker: Worker, status: int, now: float) -> None:
        _log.error("a worker ended", extra={"worker": worker.number, "pid": worker.process.pid, "status": status})
        if worker.generation != self._generation:
            return
        if not worker.is_ready and not self._ready(self._generation):
            if self._previous is not None:
                self._give_up_restart(now)
                return
            if not self._was_ready:
                # it has said why
                self._status = status if status > 0 else EXIT_FAILURE
                self._stop(now)
                return
        self._back_off(now)

    def _back_off(self, now: float) -> None:
        self._not_before = now + self._pause
        self._pause = min(2 * self._pause, MAX_PAUSE_SECONDS)

    def _look_at_times(self, now: float) -> None:
        for worker in self._workers.values():
            if worker.told_to_end_at is not None:
                is_late = now - worker.told_to_end_at > STOP_SECONDS
            elif worker.is_ready:
                is_late = now - worker.last_sign_at > SILENCE_SECONDS
            else:
                is_first = not self._was_ready and not self._ready(self._generation)
                is_late = not is_first and now - worker.started_at > START_SECONDS
            if is_late:
                _log.error("a worker does not answer and is killed", extra={"worker": worker.number})
                worker.kill()
        if self._previous is not None and now > self._restart_until:
            self._give_up_restart(now)
        if self._planner is not None and now > self._planner.deadline:
            self._planner.stop()
            self._on_planned("reading the configuration takes too long")

    def _name_leader(self) -> None:
        if self._leader is not None:
            return
        ready = self._ready(self._generation) or [one for one in self._workers.values() if one.is_ready]
        if ready:
            self._leader = ready[0].number
            ready[0].send({"is": "lead"})

    def _tell_workers(self) -> None:
        """How many are ready, after each change."""
        ready = [one for one in self._workers.values() if one.is_ready and not one.is_leaving]
        present = len(self._ready(self._generation)) if self._previous is None else len(ready)
        told: Message = {
            "is": "workers",
            "living": sorted(self._workers),
            "missing": max(self._plan.workers - present, 0),
            "restart": asdict(self._last_restart),
        }
        if told != self._told:
            self._told = told
            self._send_all(self._workers.values(), told)

    @staticmethod
    def _send_all(workers: Iterable[Worker], message: Message) -> None:
        for worker in workers:
            worker.send(message)

    # the end

    def _stop(self, now: float) -> None:
        if not self._is_stopping:
            _log.info("stopping")
            notify("STOPPING=1")
        self._is_stopping = True
        if self._planner is not None:
            self._planner.stop()
            self._planner = None
        for worker in self._workers.values():
            # those that drain, too
            worker.told_to_end_at = None
            worker.end(now)

    # rolling restart

    def _restart(self, now: float) -> None:
        if self._is_stopping or self._planner is not None:
            return
        if self._previous is not None:
            self._answer_restart("a restart is under way")
            return
        _log.info("a rolling restart begins")
        try:
            self._planner = Planner(self._plan.command, self._selector, self._on_planned, now)
        except OSError as error:
            self._answer_restart(f"the configuration cannot be read: {error}")

    def _on_planned(self, result: Plan | str) -> None:
        self._planner = None
        if isinstance(result, Plan):
            try:
                bound = self._sockets.bind(result.sockets)
            except BindError as error:
                result = str(error)
            else:
                _log.info("the configuration is right, new workers follow", extra={"workers": result.workers})
                self._previous, self._plan, self._bound = self._plan, result, bound
                self._generation += 1
                self._last_restart = RollingRestart(self._last_restart.number + 1, is_over=False)
                self._restart_until = time.monotonic() + RESTART_SECONDS
                self._not_before, self._pause = 0.0, FIRST_PAUSE_SECONDS
        if isinstance(result, str):
            _log.error("the rolling restart is given up, the workers go on: %s", result)
        else:
            # those that wait for the answer ask what became of it
            self._tell_workers()
        self._answer_restart(result if isinstance(result, str) else None)

    def _answer_restart(self, problem: str | None) -> None:
        waiting, self._waiting = self._waiting, []
        for worker, number in waiting:
            worker.send({"is": "restarting", "id": number, "problem": problem})

    def _change_over(self, now: float) -> None:
        """Ends the workers of the plan before when those of the present one are ready."""
        if self._previous is None or len(self._ready(self._generation)) < self._plan.workers:
            return
        self._previous = None
        self._last_restart = replace(self._last_restart, is_over=True)
        self._leader = None
        for worker in self._workers.values():
            if worker.generation != self._generation and worker.is_ready:
                worker.drain(now)
            elif worker.generation != self._generation:
                worker.end(now)
        # the old workers close them at the same time
        self._sockets.keep(list(self._bound))
        _log.info("the rolling restart is done", extra={"workers": self._plan.workers})

    def _give_up_restart(self, now: float) -> None:
        """New workers did not get ready: those before go on."""
        assert self._previous is not None
        _log.error("the rolling restart is given up, the workers go on: a new one did not get ready")
        for worker in self._of(self._generation):
            worker.end(now)
        self._generation += 1
        for worker in self._workers.values():
            if not worker.is_leaving:
                worker.generation = self._generation
        self._plan, self._previous = self._previous, None
        problem = "a new worker did not get ready, the log says why; the workers before go on"
        self._last_restart = replace(self._last_restart, is_over=True, problem=problem)
        self._bound = {one.key: self._sockets.open[one.key] for one in self._plan.sockets}
        self._sockets.keep(list(self._bound))
