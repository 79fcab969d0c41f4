"""The rules on top of the stores that everything in this process shares."""

from dataclasses import dataclass

from compostela.app.configuration.folder import Configuration
from compostela.app.stores import Stores
from compostela.base.clock import Clock
from compostela.base.errors import InvalidArgument
from compostela.core.authentication.service import Authenticator
from compostela.core.authentication.throttle import Throttle
from compostela.core.domains.service import DomainList
from compostela.core.mailbox.service import MailboxService
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.rewriting.srs import SenderRewriting
from compostela.core.sieve.service import SieveService
from compostela.core.users.directory import UserDirectory
from compostela.core.users.service import UsersRepository
from compostela.processing.container import postmaster_address
from compostela.processing.sieve_engine import SieveEngine


@dataclass(frozen=True, slots=True)
class Services:
    """Accounts, mailboxes and logins."""

    domains: DomainList
    users: UsersRepository
    rewriting: RecipientRewriteTable
    mailboxes: MailboxService
    throttle: Throttle
    authenticator: Authenticator
    sieve: SieveService
    sieve_engine: SieveEngine


def make_services(configuration: Configuration, stores: Stores, clock: Clock) -> Services:
    """Raises `InvalidArgument` when the postmaster is no address, or the directory's settings are wrong."""
    domains = DomainList(stores.domains, configuration.domains)
    users = UsersRepository(stores.users, domains, configuration.users, directory=_directory(configuration, clock))
    postmaster = postmaster_address(configuration.spooler, configuration.domains.default_domain.name)
    engine = SieveEngine(configuration.sieve.limits)
    throttle = Throttle(configuration.throttle, stores.failed_logins, stores.bans, clock, stores.users)
    return Services(
        domains=domains,
        users=users,
        rewriting=RecipientRewriteTable(
            stores.rewriting, domains, users, configuration.rewriting, postmaster, _srs(configuration, stores, clock)
        ),
        mailboxes=MailboxService(stores.mailboxes, clock),
        throttle=throttle,
        authenticator=Authenticator(users, stores.delegations, throttle),
        sieve=SieveService(
            stores.sieve_scripts,
            engine.check,
            stores.global_scripts,
            stores.sieve_lists,
            most=configuration.sieve.scripts,
        ),
        sieve_engine=engine,
    )


def _srs(configuration: Configuration, stores: Stores, clock: Clock) -> SenderRewriting | None:
    settings = configuration.rewriting.srs
    if settings is None:
        return None
    domain = settings.domain or configuration.domains.default_domain
    # a check of the configuration makes the services and opens no store
    return SenderRewriting(domain, settings.max_age_days, lambda name: stores.users.secret(name), clock)


def _directory(configuration: Configuration, clock: Clock) -> UserDirectory | None:
    settings = configuration.users.directory
    if settings is None:
        return None
    # slow to import
    from compostela.adapters.ldap.directory import LdapDirectory

    try:
        return LdapDirectory(settings, clock)
    except InvalidArgument as wrong:
        raise InvalidArgument(f"usersrepository.xml: {wrong}") from wrong
