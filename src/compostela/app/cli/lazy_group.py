"""A group whose commands are imported when they are used."""

import gc
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """`commands_in` says where each command is (`module:name`), and what the help of the group says of it."""

    def __init__(
        self,
        *args: Any,  # Any: the library's
        commands_in: dict[str, tuple[str, str]],
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._commands_in = commands_in

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the interface's
        return list(self._commands_in)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the interface's
        if cmd_name not in self._commands_in:
            return None
        module, _, name = self._commands_in[cmd_name][0].partition(":")
        # nothing that an import makes is garbage: looking for it takes a twentieth of the start of a server
        gc.disable()
        try:
            command: click.Command = getattr(import_module(module), name)
        finally:
            gc.freeze()
            gc.enable()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the interface's
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in self._commands_in.items()])
