"""The command `compostela`. Each group of commands is imported when it is used, and for `--help` none: that of `serve` takes a second."""

import click

from compostela.app.cli.lazy_group import LazyGroup

EXIT_USAGE = 64
"""EX_USAGE of sysexits. click's own 2 is what `doctor` and `health` say of an error."""
click.UsageError.exit_code = EXIT_USAGE


@click.group(
    cls=LazyGroup,
    commands_in={
        "init": (
            "compostela.app.cli.setup:init",
            "Write a configuration for DOMAIN with a DKIM key and a first user, and tell what to publish in DNS.",
        ),
        "serve": ("compostela.app.cli.server:serve", "Run the server in the foreground; SIGTERM ends it."),
        "check": (
            "compostela.app.cli.server:check",
            "Read the configuration, report everything that is wrong, open no port.",
        ),
        "restart": (
            "compostela.app.cli.restarting:restart",
            "Put new worker processes, with the configuration and code that are there now, in the place of all, without refusing a connection.",
        ),
        "domain": ("compostela.app.cli.domains:domain", "Managed domains."),
        "user": ("compostela.app.cli.users:user", "Accounts."),
        "alias": ("compostela.app.cli.rewriting:alias", "Further addresses of users."),
        "forward": ("compostela.app.cli.rewriting:forward", "Where users have their mail sent on to."),
        "group": ("compostela.app.cli.rewriting:group", "Addresses whose mail goes to several members."),
        "mapping": (
            "compostela.app.cli.rewriting:mapping",
            "The recipient rewrite table, with mappings of every type.",
        ),
        "droplist": (
            "compostela.app.cli.filtering:droplist",
            "Senders that may not write to anybody, to a domain, or to a user (for the matcher IsInDropList).",
        ),
        "dlp": (
            "compostela.app.cli.filtering:dlp",
            "Rules of data leak prevention by the sender's domain (for the matcher DLP).",
        ),
        "delegation": ("compostela.app.cli.logins:delegation", "Users who may log in as another."),
        "ban": ("compostela.app.cli.logins:ban", "Addresses that are shut out after failed logins."),
        "mailbox": ("compostela.app.cli.mailboxes:mailbox", "A user's mailboxes."),
        "vacation": ("compostela.app.cli.vacations:vacation", "Automatic answers of users who are away."),
        "queue": ("compostela.app.cli.queues:queue", "Mail queues."),
        "task": ("compostela.app.cli.tasks:task", "Long work that was started: list it, wait for it, cancel it."),
        "explain": (
            "compostela.app.cli.explaining:explain",
            "Tell what the mail container would do with the message in FILE, and where it would end for each recipient.",
        ),
        "trace": (
            "compostela.app.cli.tracing:trace",
            "Tell what happened to the mail ID: its name (`compostela queue show`, `mail` in the log), or the trace id in the log, which covers all mails of its SMTP session.",
        ),
        "repository": ("compostela.app.cli.repositories:repository", "Mail repositories: where mails are put aside."),
        "blob": ("compostela.app.cli.blobs:blob", "Octets that are stored for messages and other parts."),
        "doctor": ("compostela.app.cli.diagnosis:doctor", "Examine the server, its DNS records and its certificates."),
        "dns": (
            "compostela.app.cli.publishing:dns",
            "Show all DNS records to publish, from the server's configuration.",
        ),
        "certificate": ("compostela.app.cli.certificates:certificate", "TLS certificates of the servers."),
        "health": ("compostela.app.cli.state:health", "Run the health checks."),
        "metrics": (
            "compostela.app.cli.state:metrics",
            "Show the metrics, in the form of Prometheus; with NAME only those that begin with it.",
        ),
        "backup": (
            "compostela.app.cli.backup:backup",
            'Write a backup of the data folder to TARGET: an archive if the name ends in ".tar", else a folder.',
        ),
        "restore": ("compostela.app.cli.backup:restore", "Make a data folder from the backup SOURCE."),
        "log": ("compostela.app.cli.logging:log", "What the running server logs."),
        "sieve": ("compostela.app.cli.sieve:sieve", "Sieve scripts, which sort the mail of users."),
        "send": ("compostela.app.cli.sending:send", "Send a test mail and tell what the server answered."),
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="compostela")
def main() -> None:
    """Compostela, a mail server."""
