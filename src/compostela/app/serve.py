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
from pathlib import Path

from compostela.adapters.embedded.private import PRIVATE_UMASK
from compostela.app import first_start
from compostela.app.checking import report
from compostela.app.configuration.folder import Configuration, load
from compostela.app.configuration.locations import TOKEN_FILE
from compostela.app.opening import open_stores
from compostela.app.server.life_cycle import Server, make_server
from compostela.app.stores import StoresUnavailable
from compostela.base.errors import CompostelaError, InvalidArgument, TemporaryFailure
from compostela.base.log import start_logging
from compostela.base.log_levels import LogLevels
from compostela.base.settings import Problems, Severity
from compostela.core.authentication.kerberos import KerberosError
from compostela.net.listeners import BindError
from compostela.net.tls.errors import TlsError

_log = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0005
"""How long a thread may make the event loop wait for the interpreter (Python's own default is 5 ms)."""
GARBAGE_THRESHOLD = 50_000
"""Objects that come into being between two collections of the youngest (Python's own default is 700)."""
END_SECONDS = 5.0
"""How long what was cancelled may take to end, once the server has stopped."""

EXIT_CONFIGURATION = 78
"""EX_CONFIG of sysexits: the configuration is wrong."""
EXIT_FAILURE = 1


class StartError(CompostelaError):
    """The server cannot start; the text is one sentence for the operator."""

    def __init__(self, text: str, status: int = EXIT_FAILURE) -> None:
        super().__init__(text)
        self.status = status


def serve(conf: Path, data: Path, *, levels: LogLevels, log_json: bool) -> int:
    """Gives the exit status."""
    listener = start_logging(levels, json=log_json)
    os.umask(PRIVATE_UMASK)
    _allow_many_connections()
    try:
        with _runner() as runner:
            runner.run(_serve(conf, data, levels, log_json=log_json))
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


async def _serve(conf: Path, data: Path, levels: LogLevels, *, log_json: bool) -> None:
    # a reader of JSON may keep what is printed, as the journal does
    is_kept = log_json or first_start.is_kept()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # a hangup before there is something to read again must not end the process
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    problems = Problems()
    configuration = load(conf, data, problems)
    try:
        stores = await open_stores(data, configuration.listeners, configuration.engines)
    except StoresUnavailable as error:
        raise StartError(str(error)) from error
    server = make_server(configuration, stores, problems)
    if server is None or problems.of(Severity.ERROR):
        await (server or stores).close()
        raise StartError(f"the configuration is wrong:\n{report(problems)}", EXIT_CONFIGURATION)
    for problem in problems.of(Severity.WARNING):
        _log.warning("%s", problem)
    first_start.make_certificate(data, socket.gethostname() or "localhost")
    _reload_on_hangup(loop, server)
    try:
        first = await server.start()
    except BindError as error:
        raise StartError(str(error)) from error
    except (TlsError, KerberosError) as error:
        raise StartError(str(error), EXIT_CONFIGURATION) from error
    except TemporaryFailure as error:
        what = f"the data folder {data}" if configuration.engines is None else "an engine"
        raise StartError(f"{what} cannot be used: {error}") from error
    # objects that exist now stay; those of a mail are freed by reference counts, so cycles may be collected less often
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 50)
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        await server.start_web(levels)
    except first_start.DamagedToken as error:
        await server.stop()
        raise StartError(str(error), EXIT_CONFIGURATION) from error
    if first is not None and is_kept:
        file = first_start.note_first_user(data, first.name, first.password)
        _log.info("a first user was made", extra={"file": str(file)})
        first = None
    if not log_json:
        _announce(server, configuration, data, first)
    await stop.wait()
    _log.info("stopping")
    await server.stop()


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
    """SIGHUP: certificates are read again, as by `compostela certificate reload`."""
    running: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        # the error is in the log already
        with contextlib.suppress(InvalidArgument):
            await server.reload_certificates()

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
