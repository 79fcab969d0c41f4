"""A group whose commands are imported when they are used."""

from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """`commands_in` says where each command is: `module:name`."""

    def __init__(self, *args: Any, commands_in: dict[str, str], **options: Any) -> None:  # Any: the library's
        super().__init__(*args, **options)
        self._commands_in = commands_in

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the interface's
        return list(self._commands_in)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the interface's
        place = self._commands_in.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command
