"""The way from the configuration to the supervisor: its plan, and the change of this process into it."""

import asyncio
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from compostela.adapters.shared_counters.engine import counters_files
from compostela.app.checking import check, report
from compostela.app.configuration.folder import Configuration
from compostela.app.server import public_documents, webadmin
from compostela.app.start_error import EXIT_CONFIGURATION, StartError
from compostela.app.supervisor.plan import Plan, PlannedSocket
from compostela.base.listening import socket_key
from compostela.base.log_levels import ALL, LogLevels
from compostela.base.settings import Problems, Severity
from compostela.net.settings import BindAddress


def checked(conf: Path, data: Path, problems: Problems) -> Configuration:
    """The configuration, after the check of the whole. Raises `StartError`."""
    configuration = asyncio.run(check(conf, data, problems))
    if problems.of(Severity.ERROR):
        raise StartError(f"the configuration is wrong:\n{report(problems)}", EXIT_CONFIGURATION)
    return configuration


def plan_of(configuration: Configuration, data: Path, workers: int, command: list[str]) -> Plan:
    """`data` is the data folder; `command` starts a worker."""
    sockets = [
        PlannedSocket(socket_key(name, address.host, address.port), address.host, address.port, backlog)
        for name, addresses, backlog in _servers(configuration)
        for address in addresses
    ]
    stale = [str(path) for path in counters_files(data)]
    return Plan(workers, command, list({one.key: one for one in sockets}.values()), stale)


def _servers(configuration: Configuration) -> Iterable[tuple[str, Iterable[BindAddress], int]]:
    """Name, addresses and backlog of everything that listens."""
    for server in configuration.mail_servers:
        yield server.name, server.bind, server.backlog
    if configuration.webadmin.enabled:
        yield webadmin.NAME, [webadmin.address_of(configuration.webadmin)], webadmin.BACKLOG
    public = configuration.autoconfiguration
    if public.enabled:
        yield public_documents.NAME, [public_documents.address_of(public)], public_documents.BACKLOG


def worker_command(conf: Path, data: Path, workers: int | None, levels: LogLevels, *, log_json: bool) -> list[str]:
    """The command `compostela serve` with the same options, run by the same interpreter. `workers` is that of the command line."""
    command = [sys.executable, "-P", "-m", "compostela", "serve", "--conf", str(conf), "--data", str(data)]
    if workers is not None:
        command += ["--workers", str(workers)]
    for name, level in levels.of_start.items():
        command += ["--log-level", f"{name}={level}"]
    return [*command, "--json"] if log_json else command


def become_supervisor(plan: Plan, levels: LogLevels, *, log_json: bool) -> NoReturn:
    """Goes on as the supervisor, with the same process id."""
    with os.fdopen(os.memfd_create("compostela-plan"), "wb") as file:
        file.write(plan.encoded())
        file.flush()
        os.set_inheritable(file.fileno(), True)
        options = [str(file.fileno()), f"--log-level={levels.of_start[ALL]}", *(["--json"] if log_json else [])]
        os.execv(sys.executable, [sys.executable, "-P", "-m", "compostela.app.supervisor", *options])
