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
import tempfile
from pathlib import Path

from compostela.adapters.embedded.file_bodies import make_folder
from compostela.adapters.embedded.folder_id import WrongFolder, lost_database
from compostela.adapters.embedded.private import PRIVATE_UMASK, open_to_others
from compostela.adapters.embedded.schema import NewerSchema
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.app import first_start
from compostela.app.configuration.folder import Configuration, load
from compostela.app.configuration.locations import TOKEN_FILE
from compostela.app.editions.embedded import EmbeddedEdition, make_services
from compostela.app.public_listener import tls_of
from compostela.base.errors import CompostelaError, InvalidArgument, TemporaryFailure
from compostela.base.log import start_logging
from compostela.base.settings import Place, Problems, Severity
from compostela.core.authentication.kerberos import KerberosError
from compostela.net.listeners import BindError
from compostela.net.tls.context import server_context
from compostela.net.tls.errors import TlsError

_log = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0005
"""How long a thread may make the event loop wait for the interpreter (Python's own default is 5 ms)."""
GARBAGE_THRESHOLD = 50_000
"""Objects that come into being between two collections of the youngest (Python's own default is 700)."""

EXIT_CONFIGURATION = 78
"""EX_CONFIG of sysexits: the configuration is wrong."""
EXIT_FAILURE = 1


class StartError(CompostelaError):
    """The server cannot start; the text is one sentence for the operator."""

    def __init__(self, text: str, status: int = EXIT_FAILURE) -> None:
        super().__init__(text)
        self.status = status


def serve(conf: Path, data: Path, *, log_level: str, log_json: bool) -> int:
    """Gives the exit status."""
    listener = start_logging(log_level.upper(), json=log_json)
    os.umask(PRIVATE_UMASK)
    _allow_many_connections()
    try:
        with _runner() as runner:
            runner.run(_serve(conf, data))
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


async def check(conf: Path, data: Path, problems: Problems) -> Configuration:
    """Reads and builds everything without opening a port or changing the data folder."""
    configuration = load(conf, data, problems)
    _check_data(data, problems)
    with tempfile.TemporaryDirectory(prefix="compostela-check-") as folder:
        store = await EmbeddedStore.open(Path(folder))
        try:
            make_services(configuration, store, problems)
        except InvalidArgument as wrong:
            problems.error(configuration.container.place, str(wrong))
        finally:
            await store.close()
    _check_keys(configuration, problems)
    return configuration


def _check_data(data: Path, problems: Problems) -> None:
    """What is wrong with a data folder that is there; nothing is opened."""
    try:
        if (lost := lost_database(data)) is not None:
            problems.error(Place(str(data)), lost)
        if (wide := open_to_others(data)) is not None:
            problems.warning(Place(str(data)), wide)
    except OSError as error:
        problems.warning(Place(str(data)), f"the data folder cannot be examined: {error.strerror}")


def _check_keys(configuration: Configuration, problems: Problems) -> None:
    """A key store that is missing is the business of `serve`; here it is a warning. One that is there is opened."""
    servers = [
        *(one.server for one in configuration.smtp),
        *(one.session.server for one in configuration.lmtp),
        *(one.server for one in configuration.imap),
    ]
    found = [server.tls for server in servers if server.tls.offered]
    public = configuration.autoconfiguration
    if public.enabled and public.https:
        found.append(tls_of(public))
    for tls in found:
        urls = [url for url in (tls.keystore, tls.private_key, tls.certificates) if url is not None]
        paths = {url: configuration.locations.resolve(url) for url in urls}
        for url, path in paths.items():
            made_by_us = path.parent == configuration.locations.data / first_start.TLS_FOLDER
            if not made_by_us and not path.is_file():
                problems.warning(tls.place, f"{url} does not exist: the server will not start without it")
        if all(path.is_file() for path in paths.values()):
            try:
                server_context(tls, configuration.locations.resolve)
            except TlsError as error:
                problems.error(tls.place, str(error))


def report(problems: Problems) -> str:
    """All complaints, a line each; empty when there is none."""
    lines = [str(problem) for problem in problems.of(Severity.ERROR)]
    lines += [f"{problem} (warning)" for problem in problems.of(Severity.WARNING)]
    return "\n".join(lines)


async def _serve(conf: Path, data: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # a hangup before there is something to read again must not end the process
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    problems = Problems()
    configuration = load(conf, data, problems)
    store = await _open(data)
    try:
        services = make_services(configuration, store, problems)
    except InvalidArgument as wrong:
        problems.error(configuration.container.place, str(wrong))
    if problems.of(Severity.ERROR):
        await store.close()
        raise StartError(f"the configuration is wrong:\n{report(problems)}", EXIT_CONFIGURATION)
    for problem in problems.of(Severity.WARNING):
        _log.warning("%s", problem)
    first_start.make_certificate(data, socket.gethostname() or "localhost")
    edition = EmbeddedEdition(configuration, store, services)
    _reload_on_hangup(loop, edition)
    try:
        first = await edition.start()
    except BindError as error:
        raise StartError(str(error)) from error
    except (TlsError, KerberosError) as error:
        raise StartError(str(error), EXIT_CONFIGURATION) from error
    except TemporaryFailure as error:
        raise StartError(f"the data folder {data} cannot be used: {error}") from error
    # what is there now stays; what a mail leaves behind is freed by reference counts, so cycles may wait for longer
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 50)
    sys.setswitchinterval(SWITCH_SECONDS)
    await edition.start_web()
    _announce(edition, configuration, data, first)
    await stop.wait()
    _log.info("stopping")
    await edition.stop()


def _reload_on_hangup(loop: asyncio.AbstractEventLoop, edition: EmbeddedEdition) -> None:
    """SIGHUP: certificates are read again, as by `compostela certificate reload`."""
    running: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        # what was wrong stands in the log already
        with contextlib.suppress(InvalidArgument):
            await edition.reload_certificates()

    def begin() -> None:
        task = loop.create_task(reload())
        running.add(task)
        task.add_done_callback(running.discard)

    loop.add_signal_handler(signal.SIGHUP, begin)


async def _open(data: Path) -> EmbeddedStore:
    try:
        make_folder(data)
        probe = data / f".write-{os.getpid()}"
        probe.touch(mode=0o600)
        probe.unlink()
        if (wide := open_to_others(data)) is not None:
            _log.warning("the data folder is open to others: %s", wide)
        return await EmbeddedStore.open(data)
    except OSError as error:
        raise StartError(
            f"the data folder {data} cannot be written: {error.strerror}; choose another with --data"
        ) from error
    except (NewerSchema, WrongFolder) as error:
        raise StartError(str(error)) from error
    except TemporaryFailure as error:
        raise StartError(f"the data folder {data} cannot be used: {error}") from error


def _announce(
    edition: EmbeddedEdition, configuration: Configuration, data: Path, first: first_start.FirstUser | None
) -> None:
    """How to send and read the next mail, on standard output."""
    ports = {listener.settings.name: listener.ports[0] for listener in edition.listeners}
    lines = ["Compostela is running. Ports: " + ", ".join(f"{name} {port}" for name, port in ports.items())]
    if edition.web_port is not None:
        host = first_start.from_here(configuration.webadmin.host)
        lines.append(f"WebAdmin: http://{host}:{edition.web_port} (token in {data / TOKEN_FILE})")
    if first is not None:
        lines += ["", f"A first user was made: {first.name} with the password {first.password}"]
        lines += first_start.first_steps(configuration, ports, first)
        lines.append("  learn more:   docs/operators/README.md")
    with contextlib.suppress(BrokenPipeError):
        print("\n".join(lines), flush=True)
