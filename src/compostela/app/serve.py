"""Running the server in the foreground: start, wait for a signal, stop."""

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from compostela.adapters.embedded.private import PRIVATE_UMASK
from compostela.app import first_start
from compostela.app.checking import report
from compostela.app.configuration.folder import Configuration, load
from compostela.app.configuration.locations import TOKEN_FILE
from compostela.app.opening import open_stores
from compostela.app.planning import become_supervisor, checked, plan_of, worker_command
from compostela.app.server.life_cycle import Server, make_server
from compostela.app.server.surroundings import Surroundings
from compostela.app.shared import Shared
from compostela.app.start_error import EXIT_CONFIGURATION, StartError
from compostela.app.stores import StoresUnavailable
from compostela.app.supervisor.plan import Plan
from compostela.app.worker import Inheritance, inherited
from compostela.base.errors import InvalidArgument, TemporaryFailure
from compostela.base.listening import BindError
from compostela.base.log import start_logging
from compostela.base.log_levels import LogLevels
from compostela.base.service_manager import handed_sockets, notify, watchdog_seconds
from compostela.base.settings import Problems, Severity
from compostela.core.authentication.kerberos import KerberosError
from compostela.net.listening_sockets import ListeningSockets
from compostela.net.tls.errors import TlsError

_log = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0005
"""How long a thread may make the event loop wait for the interpreter (Python's own default is 5 ms)."""
GARBAGE_THRESHOLD = 50_000
"""Objects that come into being between two collections of the youngest (Python's own default is 700)."""
END_SECONDS = 5.0
"""How long what was cancelled may take to end, once the server has stopped."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What the command line says."""

    conf: Path
    data: Path
    levels: LogLevels
    log_json: bool = False
    workers: int | None = None
    """In place of the setting."""
    is_worker: bool = False
    """Started by the supervisor."""


def serve(options: ServeOptions) -> int:
    """Gives the exit status."""
    place = inherited() if options.is_worker else None
    fields = {} if place is None else {"worker": place.number}
    listener = start_logging(options.levels, json=options.log_json, fields=fields)
    os.umask(PRIVATE_UMASK)
    _allow_many_connections()
    problems = Problems()
    try:
        configuration = load(options.conf, options.data, problems)
        if place is None and (options.workers or configuration.workers.workers) > 1:
            plan = plan_for(options)
            listener.stop()
            become_supervisor(plan, options.levels, log_json=options.log_json)
        with _runner() as runner:
            runner.run(_serve(options, configuration, problems, place))
            if runner.run(_is_any_task_left()):
                # the stores are closed: nothing is lost
                listener.stop()
                os._exit(0)
    except StartError as error:
        listener.stop()
        print(f"compostela: {error}", file=sys.stderr)
        return error.status
    listener.stop()
    return 0


def plan_for(options: ServeOptions) -> Plan:
    """What the supervisor needs to know. Raises `StartError`."""
    problems = Problems()
    configuration = checked(options.conf, options.data, problems)
    for problem in problems.of(Severity.WARNING):
        _log.warning("%s", problem)
    command = worker_command(options.conf, options.data, options.workers, options.levels, log_json=options.log_json)
    return plan_of(configuration, options.data, options.workers or configuration.workers.workers, command)


def _allow_many_connections() -> None:
    """As many open files as the administrator allows at all: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:
        _log.warning("the limit of open files stays at %d: %s", soft, error)


def _runner() -> asyncio.Runner:
    try:
        import uvloop
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def _serve(
    options: ServeOptions, configuration: Configuration, problems: Problems, place: Inheritance | None
) -> None:
    data = options.data
    # a reader of JSON may keep what is printed, as the journal does
    is_kept = options.log_json or first_start.is_kept()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # a hangup before there is something to read again must not end the process
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    # 'systemctl kill' sends a signal to all processes of a service
    loop.add_signal_handler(signal.SIGUSR2, _log.warning, "SIGUSR2 is for a supervisor of workers: ignored here")
    shared = None if place is None else Shared(place, data, stop.set)
    surroundings = Surroundings(ListeningSockets(handed_sockets())) if shared is None else shared.surroundings
    try:
        stores = await open_stores(
            data if shared is None or configuration.engines is None else shared.own_folder,
            configuration.listeners,
            configuration.engines,
            None if shared is None else shared.limits,
        )
    except StoresUnavailable as error:
        raise StartError(str(error)) from error
    server = make_server(configuration, stores, problems, surroundings)
    if server is None or problems.of(Severity.ERROR):
        await (server or stores).close()
        raise StartError(f"the configuration is wrong:\n{report(problems)}", EXIT_CONFIGURATION)
    for problem in problems.of(Severity.WARNING) if place is None else ():
        _log.warning("%s", problem)
    first_start.make_certificate(data, socket.gethostname() or "localhost")
    if shared is not None:
        await shared.start(server, options.levels)
    _reload_on_hangup(loop, server)
    try:
        first = await server.start()
    except BindError as error:
        raise StartError(str(error)) from error
    except (TlsError, KerberosError) as error:
        raise StartError(str(error), EXIT_CONFIGURATION) from error
    except TemporaryFailure as error:
        raise StartError(f"the data folder {data} cannot be used: {error}") from error
    # objects that exist now stay; those of a mail are freed by reference counts, so cycles may be collected less often
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 50)
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        await server.start_web(options.levels)
    except first_start.DamagedToken as error:
        await server.stop()
        raise StartError(str(error), EXIT_CONFIGURATION) from error
    if first is not None and is_kept:
        file = first_start.note_first_user(data, first.name, first.password)
        _log.info("a first user was made", extra={"file": str(file)})
        first = None
    if not options.log_json and (place is None or place.is_first):
        _announce(server, configuration, data, first)
    if shared is not None:
        await shared.ready()
    else:
        notify("READY=1")
        loop.call_soon(_show_life, loop)
    await stop.wait()
    if shared is None:
        notify("STOPPING=1")
    _log.info("stopping")
    await server.stop()
    if shared is not None:
        await shared.stop()


def _show_life(loop: asyncio.AbstractEventLoop) -> None:
    """Tells systemd that the event loop runs, from now on and as often as it asks for."""
    seconds = watchdog_seconds()
    if seconds is not None:
        notify("WATCHDOG=1")
        loop.call_later(seconds / 2, _show_life, loop)


async def _is_any_task_left() -> bool:
    """Ends what still runs. True if an operator's own code will not end: the runner would wait for it for ever."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    pending = (await asyncio.wait(left, timeout=END_SECONDS))[1] if left else set()
    for task in pending:
        _log.error("a task does not end; the process ends without it", extra={"code": repr(task.get_coro())})
    return bool(pending)


def _reload_on_hangup(loop: asyncio.AbstractEventLoop, server: Server) -> None:
    """SIGHUP: certificates are read again, as by `compostela certificate reload`. The supervisor sends it to each worker."""
    running: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        # the error is in the log already
        with contextlib.suppress(InvalidArgument):
            await server.reload_own_certificates()

    def begin() -> None:
        task = loop.create_task(reload())
        running.add(task)
        task.add_done_callback(running.discard)

    loop.add_signal_handler(signal.SIGHUP, begin)


def _announce(server: Server, configuration: Configuration, data: Path, first: first_start.FirstUser | None) -> None:
    """How to send and read the next mail, on standard output."""
    ports = {listener.settings.name: listener.ports[0] for listener in server.listeners}
    lines = ["Compostela is running. Ports: " + ", ".join(f"{name} {port}" for name, port in ports.items())]
    if server.web_port is not None:
        host = first_start.from_here(configuration.webadmin.host)
        lines.append(f"WebAdmin: http://{host}:{server.web_port} (token in {data / TOKEN_FILE})")
    if first is not None:
        lines += ["", f"A first user was made: {first.name} with the password {first.password}"]
        lines += first_start.first_steps(configuration, ports, first)
        lines.append("  learn more:   docs/operators/README.md")
    with contextlib.suppress(BrokenPipeError):
        print("\n".join(lines), flush=True)
