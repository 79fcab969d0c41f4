"""Talking to the running server's WebAdmin."""

import copy
import functools
import http.client
import re
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

EXIT_UNAVAILABLE = 69
"""EX_UNAVAILABLE of sysexits: the server does not answer."""
EXIT_NO_PERMISSION = 77
"""EX_NOPERM of sysexits: the token is not right."""
START_IT = "start it with 'compostela serve'"
DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_SECONDS = 60
TASK_SECONDS = 3600.0
LOOK_SECONDS = 0.2
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def with_client(command: Callable[Concatenate["Client", P], None]) -> Callable[..., None]:
    """Gives a command the options --url, --token, --data and --json, and hands it the client that they speak of."""

    @click.option(
        "--url", envvar="COMPOSTELA_URL", default=DEFAULT_URL, show_default=True, show_envvar=True, help="WebAdmin."
    )
    @click.option(
        "--token",
        envvar="COMPOSTELA_TOKEN",
        show_envvar=True,
        help="WebAdmin password; from the data folder by default.",
    )
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
        self._token = token or self.read_token(data)

    @staticmethod
    def read_token(data: Path) -> str:
        """The token of the data folder, empty when there is none. A damaged one ends the program."""
        path = data / TOKEN_FILE
        try:
            token = path.read_bytes().strip().decode("ascii")
        except OSError:
            return ""
        except UnicodeDecodeError:
            fail(f"{path} holds no token: it is damaged")
        return token if token.isprintable() else fail(f"{path} holds no token: it is damaged")

    def call(
        self, method: str, path: str, body: object = None, accept: str = "application/json", if_away: str = START_IT
    ) -> Any:
        """The decoded answer (octets, when something else than JSON was asked for), None when there is none. Octets are sent as they
        are, other bodies as JSON. `if_away` is what to do if the server does not answer."""
        status, answer = self._answer(method, path, body, accept, if_away)
        if status >= 400:
            _fail_with(status, answer)
        return answer

    def problem(self, method: str, path: str, body: object = None) -> str | None:
        """Makes a call; the reason why the server refuses it, None when it does not."""
        status, answer = self._answer(method, path, body, "application/json")
        if status == 401:
            _fail_with(status, answer)
        return _reason(status, answer) if status >= 400 else None

    def report(self, path: str) -> Any:
        """The JSON document of a route that has one for a bad state too (503)."""
        status, answer = self._answer("GET", path, None, "application/json")
        if status >= 400 and status != 503:
            _fail_with(status, answer)
        return answer

    def check_user(self, name: str) -> None:
        """Ends the program when there is no such user."""
        status, answer = self._answer("HEAD", f"/users/{part(name)}", None, "application/json")
        if status == 404:
            fail(f"there is no user {name}")
        if status >= 400:
            _fail_with(status, answer)

    def _answer(self, method: str, path: str, body: object, accept: str, if_away: str = START_IT) -> tuple[int, Any]:
        """Status and decoded body; the body of a failure that is no JSON is None."""
        connection = self._connect()
        headers = {"Authorization": f"Bearer {self._token}", "Accept": accept}
        try:
            data = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            data = response.read()
        except (OSError, UnicodeError) as error:
            # a label that DNS does not have is no error of the operating system
            fail(
                f"the server at {connection.host}:{connection.port} does not answer ({error}): {if_away}",
                EXIT_UNAVAILABLE,
            )
        except http.client.HTTPException as error:
            fail(_stranger(connection, str(error)))
        finally:
            connection.close()
        if not data:
            return response.status, None
        try:
            is_json = accept == "application/json" or response.status >= 400
            return response.status, orjson.loads(data) if is_json else data
        except orjson.JSONDecodeError:
            if response.status >= 400:
                return response.status, None
            fail(_stranger(connection, data[:80].decode(errors="replace")))

    def run_task(self, method: str, path: str) -> Any:
        """Starts a task and gives its report when it has completed."""
        task = self.call(method, path)["taskId"]
        report = self.follow_task(task, TASK_SECONDS)
        require_completed(report)
        return report

    def follow_task(self, task: str, seconds: float) -> Any:
        """Gives the report of a task when it has ended, and shows until then how far it is."""
        end = time.monotonic() + seconds
        await_it = f"'compostela task await {task}'"
        if_away = f"the task goes on when the server runs again, wait for it with {await_it}"
        with progress_bar(wanted=not self.as_json) as bar:
            while True:
                report = self.call("GET", f"/tasks/{part(task)}", if_away=if_away)
                if report["status"] not in ("waiting", "inProgress", "canceledRequested"):
                    return report
                bar(report)
                left = end - time.monotonic()
                if left <= 0:
                    fail(f"the task {task} has not ended: wait for it with {await_it}")
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


def require_completed(report: Any) -> None:
    """Ends the program if the task of the report failed or was cancelled."""
    task = report["taskId"]
    match report["status"]:
        case "completed":
            return
        case "canceled":
            fail(f"the task {task} was cancelled")
        case _:
            fail(f"the task {task} failed: {report.get('failure', 'see the server log')}")


def fail(text: str, status: int = 1) -> NoReturn:
    click.echo(f"compostela: {text}", err=True)
    sys.exit(status)


yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def confirm(what: str, yes: bool) -> None:
    """Asks before something is destroyed. Without a terminal nothing is asked: --yes is needed."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{what}: give --yes, since there is no terminal to ask on")
    click.confirm(f"{what}?", abort=True, err=True)


def add_old_name(group: click.Group, name: str, command: click.Command) -> None:
    """The command under a name that it had before: it works, and help does not show it."""
    old = copy.copy(command)
    old.hidden = True
    group.add_command(old, name)


def _stranger(connection: http.client.HTTPConnection, said: str) -> str:
    return f"what answers at {connection.host}:{connection.port} is no WebAdmin: {said.strip()[:80]!r}"


def _fail_with(status: int, answer: Any) -> NoReturn:
    """`answer` is an error document of WebAdmin, or anything."""
    if status == 401:
        fail(
            "the token is not right: give it with --token, or the server's data folder with --data", EXIT_NO_PERMISSION
        )
    fail(_reason(status, answer))


def _reason(status: int, answer: Any) -> str:
    if isinstance(answer, dict) and isinstance(answer.get("message"), str):
        details = answer.get("details")
        return f"{answer['message']}{f': {details}' if details else ''}"
    return f"the server answered {status}"


def part(text: str) -> str:
    """A path parameter."""
    return quote(text, safe="@")


def printable(text: str) -> str:
    """The text without control characters: what other servers say must not steer the terminal."""
    return _CONTROL.sub("?", text)


def show(value: object, as_json: bool, text: str | None = None) -> None:
    """JSON, or a text, or the items of a list one a line."""
    if as_json:
        click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2))
    elif text is not None:
        click.echo(text)
    elif isinstance(value, list):
        for item in value:
            click.echo(item)
