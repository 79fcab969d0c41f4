"""What writers of mailets and matchers meet: two small base classes, their parameters and their surroundings."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from compostela.base.clock import Clock
from compostela.base.declared import NoSettings
from compostela.base.settings import Settings
from compostela.core.bayes.ports import TokenCorpora
from compostela.core.dlp.ports import DlpRuleStore
from compostela.core.dns.ports import DnsResolver
from compostela.core.domains.service import DomainList
from compostela.core.drop_lists.ports import DropListStore
from compostela.core.exchanges.ports import ExchangePublisher
from compostela.core.filtering.ports import Scanners
from compostela.core.filtering.settings import RspamdSettings
from compostela.core.mail.model import Mail
from compostela.core.mailbox.quota import QuotaRule
from compostela.core.mailbox.session import MailboxSession
from compostela.core.networks import Resolve
from compostela.core.outbound.own_endpoints import OwnEndpoints
from compostela.core.outbound.ports import SmtpSender
from compostela.core.outbound.tls_policies import TlsPolicies
from compostela.core.outbound.tls_reports import TlsResults
from compostela.core.queue.ports import MailQueues
from compostela.core.rate_limits.ports import RateLimits
from compostela.core.repository.ports import MailRepositoryStore, RepositoryUrl
from compostela.core.repository.settings import RepositorySettings
from compostela.core.rewriting.service import RecipientRewriteTable
from compostela.core.tracing.tracer import Tracer
from compostela.core.users.service import UsersRepository
from compostela.core.vacation.ports import VacationStore
from compostela.core.web_forms.ports import FormPoster
from compostela.mailauth.dns import AuthenticationDns
from compostela.model.mail_address import MailAddress
from compostela.processing.pipeline_run import PipelineRun
from compostela.processing.sieve_parts import SieveParts

Recipients = Collection[MailAddress]
NOBODY: Recipients = ()


@dataclass(frozen=True, slots=True)
class MatcherContext:
    """The parts of the server that matchers may use: a matcher looks things up and changes nothing."""

    hello_name: str
    postmaster: MailAddress
    domains: DomainList
    users: UsersRepository
    rewriting: RecipientRewriteTable
    dns: DnsResolver
    drop_lists: DropListStore
    drop_lists_enabled: bool
    """`enabled` of droplists.properties."""
    dlp_rules: DlpRuleStore
    quota: QuotaRule
    host_addresses: Resolve
    """Addresses of the host names in a condition or in settings."""
    clock: Clock
    resolve: Callable[[str], Path]
    """Where a file is that the configuration names, as `file://conf/key.pem`."""

    async def is_local_user(self, address: MailAddress) -> bool:
        """Whether the address itself is that of an existing user."""
        return await self.users.user_for(address) is not None


@dataclass(frozen=True, slots=True)
class MailetContext(MatcherContext):
    """The parts of the server that mailets may use."""

    mailboxes: MailboxSession
    """The system's session."""
    vacations: VacationStore
    queues: MailQueues
    rate_limits: RateLimits
    repositories: MailRepositoryStore
    repository_settings: RepositorySettings
    error_repository: RepositoryUrl
    """Where mails are parked that cannot be processed."""
    authentication_dns: AuthenticationDns
    """The same resolver as DKIM asks it."""
    sender: SmtpSender
    tls_policies: TlsPolicies
    """What destinations demand of TLS."""
    tls_results: TlsResults
    """Counts how TLS went with next hops."""
    tracer: Tracer
    """Notes what happens to mails."""
    sieve: SieveParts
    scanners: Scanners
    rspamd: RspamdSettings
    """What rspamd.properties says."""
    token_corpora: TokenCorpora
    forms: FormPoster
    exchanges: Callable[[Sequence[str]], ExchangePublisher]
    """Makes a publisher to the broker with these URIs. Raises `ImportError` if its package is not installed."""
    own: OwnEndpoints
    """This server as a next hop."""


class Mailet(ABC):
    """Acts on a mail. `settings` reads the `<mailet>` element, whose children are the parameters; whatever the constructor
    does not ask for is reported as unknown. `parameters` is the class that declares them, which the constructor reads with
    `compostela.base.declared.read`.

    A mailet may change the mail. Its effects on the server's own stores go through `run`, which gives each a key, so that
    a mail whose processing is cut off and done again has no effect twice."""

    parameters: ClassVar[type] = NoSettings
    """What the reference shows of the parameters. A mailet may also read them from `settings` without a declaration."""
    processors: tuple[str, ...] = ()
    """Names of processors that this mailet may send mails to, for the check at start."""
    acts_outside = False
    """True for a mailet that does more than change the mail and use its context: a dry run leaves it out."""
    consumes: tuple[str, ...] = ()
    """Names of queues that it takes mails from between `start` and `stop`, for the health check."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        self.settings = settings
        self.context = context

    async def start(self) -> None:
        """Called once before the first mail, in every process whose container has the mailet."""
        return

    async def stop(self) -> None:
        """Called once at the end."""
        return

    @abstractmethod
    async def service(self, mail: Mail, run: PipelineRun) -> None:
        """Does the work. Raising hands the mail to `onMailetException`."""


class Matcher(ABC):
    """Chooses recipients. `condition` is the text after the first `=` in `match`, or ""."""

    matches_all = False
    """True for a matcher that always gives every recipient: it is not called."""

    def __init__(self, condition: str, settings: Settings, context: MatcherContext) -> None:
        self.condition = condition
        self.settings = settings
        self.context = context

    @abstractmethod
    async def match(self, mail: Mail) -> Recipients:
        """The recipients of the mail that match: all, some, none; never others."""


MailetFactory = Callable[[Settings, MailetContext], Mailet]
MatcherFactory = Callable[[str, Settings, MatcherContext], Matcher]


def whole(mail: Mail, condition: bool) -> Recipients:
    """All recipients or none."""
    return mail.recipients if condition else NOBODY
