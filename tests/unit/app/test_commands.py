"""What the help of `compostela` says, without importing the commands."""

import subprocess
import sys

import click

from compostela.app.cli import main


def test_the_group_says_of_each_command_what_the_command_says() -> None:
    context = click.Context(main, terminal_width=400, max_content_width=400)
    lines = main.get_help(context).partition("Commands:\n")[2]
    said = {line.split()[0]: " ".join(line.split()[1:]) for line in lines.splitlines()}
    commands = {name: main.get_command(context, name) for name in main.list_commands(context)}
    assert said == {name: one and one.get_short_help_str(limit=200) for name, one in commands.items()}


def test_help_imports_no_command() -> None:
    program = "import sys; from compostela.app.cli import main\ntry: main(['--help'])\nexcept SystemExit: print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = {name for name in done.stdout.splitlines() if name.startswith("compostela.")}
    assert imported == {"compostela.app", "compostela.app.cli", "compostela.app.cli.lazy_group"}
