"""The check of a configuration: everything is read and made, no port and no store is opened."""

from pathlib import Path

from compostela.app import first_start
from compostela.app.configuration.folder import Configuration, load
from compostela.app.editions.embedded import check_folder
from compostela.app.server.life_cycle import make_server
from compostela.app.server.public_documents import tls_of
from compostela.app.stores import unopened_stores
from compostela.base.settings import Problems, Severity
from compostela.net.tls.context import server_context
from compostela.net.tls.errors import TlsError


async def check(conf: Path, data: Path, problems: Problems) -> Configuration:
    """Complaints go to `problems`; the data folder is not changed. A coroutine, because what it makes expects a running loop."""
    configuration = load(conf, data, problems)
    if configuration.engines is None:
        check_folder(data, problems)
    server = make_server(configuration, unopened_stores(), problems)
    if server is not None:
        await server.close()
    _check_keys(configuration, problems)
    return configuration


def _check_keys(configuration: Configuration, problems: Problems) -> None:
    """A key store that is missing is an error, unless the first start makes it. One that is there is opened."""
    found = [server.tls for server in configuration.mail_servers if server.tls.offered]
    public = configuration.autoconfiguration
    if public.enabled and public.https:
        found.append(tls_of(public))
    for tls in found:
        urls = [url for url in (tls.keystore, tls.private_key, tls.certificates) if url is not None]
        paths = {url: configuration.locations.resolve(url) for url in urls}
        for url, path in paths.items():
            made_by_us = path.parent == configuration.locations.data / first_start.TLS_FOLDER
            if not made_by_us and not path.is_file():
                problems.error(tls.place, f"{url} does not exist: the server does not start without it")
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
