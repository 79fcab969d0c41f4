"""The command `compostela`. Each group of commands is imported when it is asked for, so that `--help` is quick."""

import click

from compostela.app.cli.lazy_group import LazyGroup

EXIT_USAGE = 64
"""EX_USAGE of sysexits. click's own 2 is what `doctor` and `health` say of an error."""
click.UsageError.exit_code = EXIT_USAGE


@click.group(
    cls=LazyGroup,
    commands_in={
        "init": "compostela.app.cli.setup:init",
        "serve": "compostela.app.cli.server:serve",
        "check": "compostela.app.cli.server:check",
        "restart": "compostela.app.cli.restarting:restart",
        "domain": "compostela.app.cli.domains:domain",
        "user": "compostela.app.cli.users:user",
        "alias": "compostela.app.cli.rewriting:alias",
        "forward": "compostela.app.cli.rewriting:forward",
        "group": "compostela.app.cli.rewriting:group",
        "mapping": "compostela.app.cli.rewriting:mapping",
        "droplist": "compostela.app.cli.filtering:droplist",
        "dlp": "compostela.app.cli.filtering:dlp",
        "delegation": "compostela.app.cli.logins:delegation",
        "ban": "compostela.app.cli.logins:ban",
        "mailbox": "compostela.app.cli.mailboxes:mailbox",
        "vacation": "compostela.app.cli.vacations:vacation",
        "queue": "compostela.app.cli.queues:queue",
        "task": "compostela.app.cli.tasks:task",
        "explain": "compostela.app.cli.explaining:explain",
        "trace": "compostela.app.cli.tracing:trace",
        "repository": "compostela.app.cli.repositories:repository",
        "blob": "compostela.app.cli.blobs:blob",
        "doctor": "compostela.app.cli.diagnosis:doctor",
        "dns": "compostela.app.cli.publishing:dns",
        "certificate": "compostela.app.cli.certificates:certificate",
        "health": "compostela.app.cli.state:health",
        "metrics": "compostela.app.cli.state:metrics",
        "backup": "compostela.app.cli.backup:backup",
        "restore": "compostela.app.cli.backup:restore",
        "log": "compostela.app.cli.logging:log",
        "sieve": "compostela.app.cli.sieve:sieve",
        "send": "compostela.app.cli.sending:send",
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="compostela")
def main() -> None:
    """Compostela, a mail server."""
