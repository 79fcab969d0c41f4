"""`compostela sieve`: the scripts of users, and what a script does with a mail."""

import dataclasses
from pathlib import Path
from typing import Any

import click

from compostela.app.cli.client import Client, fail, part, show, with_client
from compostela.app.cli.sieve_stores import file_argument, global_scripts, lists, quota, segment
from compostela.base.errors import InvalidArgument
from compostela.core.sieve.model import InvalidScript
from compostela.model.flags import Flags, SystemFlag
from compostela.processing.sieve_engine import SieveEngine
from compostela.sieve.actions import Action, CarbonCopy
from compostela.sieve.host import Envelope, MessageBytes, PlainHost
from compostela.sieve.program import Program
from compostela.sieve.reader import read_script
from compostela.sieve.run import Outcome


@click.group()
def sieve() -> None:
    """Sieve scripts, which sort the mail of users."""


@sieve.command("put")
@click.argument("user")
@click.argument("name")
@click.argument("file", type=file_argument)
@click.option("--activate", is_flag=True, help="Make it the active script.")
@with_client
def put_script(client: Client, user: str, name: str, file: Path, activate: bool) -> None:
    """Store the script in FILE under NAME. An invalid script is not stored."""
    client.call("PUT", f"{_scripts(user)}/{segment(name)}?activate={str(activate).lower()}", file.read_bytes())
    client.show({"name": name, "active": activate}, f"{name} is stored" + (" and active" if activate else ""))


@sieve.command("get")
@click.argument("user")
@click.argument("name")
@with_client
def get_script(client: Client, user: str, name: str) -> None:
    """Print a script."""
    text = client.call("GET", f"{_scripts(user)}/{segment(name)}", accept="application/sieve").decode(errors="replace")
    client.show({"name": name, "text": text}, text.rstrip("\n"))


@sieve.command("list")
@click.argument("user")
@with_client
def list_scripts(client: Client, user: str) -> None:
    """List the scripts of a user; the active one is marked."""
    entries = client.call("GET", _scripts(user))
    lines = (f"{one['name']}  {one['size']} octets{'  active' if one['active'] else ''}" for one in entries)
    client.show(entries, "\n".join(lines) or f"{user} has no script")


@sieve.command("activate")
@click.argument("user")
@click.argument("name", required=False)
@with_client
def activate_script(client: Client, user: str, name: str | None) -> None:
    """Make NAME the active script; without NAME no script is active."""
    if name is None:
        client.call("DELETE", f"/sieve/{part(user)}/active")
    else:
        client.call("PUT", f"/sieve/{part(user)}/active/{segment(name)}")
    client.show({"active": name}, f"{name} is active" if name is not None else "no script is active")


@sieve.command("delete")
@click.argument("user")
@click.argument("name")
@with_client
def delete_script(client: Client, user: str, name: str) -> None:
    """Delete a script that is not active."""
    client.call("DELETE", f"{_scripts(user)}/{segment(name)}")
    client.show({"name": name}, f"{name} is deleted")


@sieve.command()
@click.argument("file", type=file_argument)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def check(file: Path, as_json: bool) -> None:
    """Check the script in FILE. Needs no server; exits with 1 if the script is not valid."""
    try:
        problems, is_valid = SieveEngine().check(file.read_bytes()).warnings, True
    except InvalidScript as error:
        problems, is_valid = error.problems, False
    lines = [f"{file}: {one}" for one in problems] + ([f"{file} is valid"] if is_valid else [])
    show({"valid": is_valid, "problems": [dataclasses.asdict(one) for one in problems]}, as_json, "\n".join(lines))
    if not is_valid:
        raise SystemExit(1)


@sieve.command("try")
@click.argument("file", type=file_argument)
@click.argument("mail", type=file_argument)
@click.option("--from", "sender", default="", help="Envelope sender; without it the null sender.")
@click.option("--to", default="user@example.org", show_default=True, help="Envelope recipient, the script's owner.")
@click.option("--mailbox", "mailboxes", multiple=True, help="A mailbox that exists beside INBOX. Repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def try_script(file: Path, mail: Path, sender: str, to: str, mailboxes: tuple[str, ...], as_json: bool) -> None:
    """Tell what the script in FILE does with the message in MAIL (.eml). Needs no server and changes nothing."""
    try:
        SieveEngine().check(file.read_bytes())
        program = Program(read_script(file.read_bytes()).script)
    except InvalidArgument as error:
        fail(f"{file} is not valid:\n{error}")
    host = PlainHost(addresses=(to,), mailboxes=frozenset({"INBOX", *mailboxes}))
    outcome = program.run(MessageBytes.of(mail.read_bytes()), Envelope(sender, to), host)
    actions = [_told(action) for action in outcome.actions]
    failure = None if outcome.failure is None else str(outcome.failure)
    show({"actions": actions, "failure": failure, "log": list(outcome.log)}, as_json, _text(outcome, actions))


def _told(action: Action) -> dict[str, Any]:
    """The name of an action, and its fields that are set."""
    told: dict[str, Any] = {"action": type(action).__name__}
    for field in dataclasses.fields(action):
        value = getattr(action, field.name)
        if value is None or value is False or value == ():
            continue
        if field.name == "message" and not isinstance(value, str):
            told["edited"] = True
        elif isinstance(value, Flags):
            told["flags"] = [f"\\{(one.name or '').capitalize()}" for one in SystemFlag if one in value] + sorted(
                value.keywords
            )
        elif isinstance(value, CarbonCopy):
            told[field.name] = value.mailbox
        else:
            told[field.name] = value
    return told


def _text(outcome: Outcome, actions: list[dict[str, Any]]) -> str:
    lines = [f"log: {line}" for line in outcome.log]
    if outcome.failure is not None:
        lines.append(f"the script fails: {outcome.failure}")
    for told in actions:
        fields = (f"{name}={value!r}" for name, value in told.items() if name != "action")
        lines.append(" ".join([told["action"], *fields]))
    return "\n".join(lines)


def _scripts(user: str) -> str:
    return f"/sieve/{part(user)}/scripts"


sieve.add_command(quota)
sieve.add_command(global_scripts)
sieve.add_command(lists)
