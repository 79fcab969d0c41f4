"""Talking to the running server's WebAdmin."""

import functools
import http.client
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, NoReturn, ParamSpec
from urllib.parse import quote, urlsplit

import click
import orjson

from compostela.app.cli.folders import data_option
from compostela.app.cli.progress import progress_bar
from compostela.app.configuration.locations import TOKEN_FILE

P = ParamSpec("P")

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_SECONDS = 60
TASK_SECONDS = 3600.0
LOOK_SECONDS = 0.2


def with_client(command: Callable[Concatenate["Client", P], None]) -> Callable[..., None]:
    """Gives a command the options --url, --token, --data and --json, and hands it the client that they speak of."""

    @click.option("--url", envvar="COMPOSTELA_URL", default=DEFAULT_URL, show_default=True, help="WebAdmin.")
    @click.option("--token", envvar="COMPOSTELA_TOKEN", help="WebAdmin password; from the data folder by default.")
    @data_option
    @click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
    @functools.wraps(command)
    def run(url: str, token: str | None, data: Path, as_json: bool, *args: P.args, **own: P.kwargs) -> None:
        command(Client(url, token, data, as_json=as_json), *args, **own)

    return run


class Client:
    """One call at a time; every failure ends the program with one sentence."""

    def __init__(self, url: str, token: str | None, data: Path, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._connect = _connection(url)
        self._token = token or self._read_token(data)

    @staticmethod
    def _read_token(data: Path) -> str:
        path = data / TOKEN_FILE
        try:
            return path.read_text().strip()
        except OSError:
            return ""

    def call(self, method: str, path: str, body: object = None, accept: str = "application/json") -> Any:
        """The decoded answer (octets, when something else than JSON was asked for), None when there is none."""
        connection = self._connect()
        headers = {"Authorization": f"Bearer {self._token}", "Accept": accept}
        try:
            connection.request(method, path, None if body is None else orjson.dumps(body), headers)
            response = connection.getresponse()
            data = response.read()
        except (OSError, UnicodeError) as error:
            # a label that DNS does not have is no error of the operating system
            fail(
                f"the server at {connection.host}:{connection.port} does not answer ({error}): "
                "start it with 'compostela serve'"
            )
        except http.client.HTTPException as error:
            fail(_stranger(connection, str(error)))
        finally:
            connection.close()
        if response.status >= 400:
            fail(_reason(response.status, data))
        if not data:
            return None
        try:
            return orjson.loads(data) if accept == "application/json" else data
        except orjson.JSONDecodeError:
            fail(_stranger(connection, data[:80].decode(errors="replace")))

    def run_task(self, method: str, path: str) -> Any:
        """Starts a task and gives its report when it has completed."""
        task = self.call(method, path)["taskId"]
        report = self.follow_task(task, TASK_SECONDS)
        if report["status"] != "completed":
            fail(f"the task {task} {report['status']}: {report.get('failure', 'see the server log')}")
        return report

    def follow_task(self, task: str, seconds: float) -> Any:
        """Gives the report of a task when it has ended, and shows until then how far it is."""
        end = time.monotonic() + seconds
        with progress_bar(wanted=not self.as_json) as bar:
            while True:
                report = self.call("GET", f"/tasks/{part(task)}")
                if report["status"] not in ("waiting", "inProgress", "canceledRequested"):
                    return report
                bar(report)
                left = end - time.monotonic()
                if left <= 0:
                    fail(f"the task {task} has not ended: wait for it with 'compostela task await {task}'")
                time.sleep(min(LOOK_SECONDS, left))

    def show(self, value: object, text: str | None = None) -> None:
        """See `show`."""
        show(value, self.as_json, text)


def _connection(url: str) -> Callable[[], http.client.HTTPConnection]:
    """How to connect; HTTPS is for a WebAdmin behind a proxy."""
    try:
        parts = urlsplit(url)
        kind = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}[parts.scheme]
        connect = functools.partial(kind, parts.hostname or "127.0.0.1", parts.port, timeout=TIMEOUT_SECONDS)
        connect()  # looks at the name, and opens nothing yet
    except (KeyError, ValueError, http.client.InvalidURL):
        raise click.BadParameter(f"{url!r} is no URL of a WebAdmin", param_hint="--url") from None
    return connect


def fail(text: str) -> NoReturn:
    click.echo(f"compostela: {text}", err=True)
    sys.exit(1)


def _stranger(connection: http.client.HTTPConnection, said: str) -> str:
    return f"what answers at {connection.host}:{connection.port} is no WebAdmin: {said.strip()[:80]!r}"


def _reason(status: int, data: bytes) -> str:
    if status == 401:
        return "the token is not right: give it with --token, or the server's data folder with --data"
    try:
        body = orjson.loads(data)
        return f"{body['message']}{': ' + body['details'] if body.get('details') else ''}"
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"the server answered {status}"


def part(text: str) -> str:
    """A path parameter."""
    return quote(text, safe="@")


def show(value: object, as_json: bool, text: str | None = None) -> None:
    """JSON, or a text, or the items of a list one a line."""
    if as_json:
        click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2))
    elif text is not None:
        click.echo(text)
    elif isinstance(value, list):
        for item in value:
            click.echo(item)
