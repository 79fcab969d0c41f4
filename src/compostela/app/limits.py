"""Where the embedded edition counts short-lived limits: in this process, or in the file that the workers of one server share."""

from dataclasses import dataclass

from compostela.adapters.in_process.bans import InProcessBans
from compostela.adapters.in_process.failed_logins import InProcessFailedLogins
from compostela.adapters.in_process.known_tokens import InProcessKnownTokens
from compostela.adapters.in_process.rate_limits import InProcessRateLimits
from compostela.adapters.in_process.recent_logins import InProcessRecentLogins
from compostela.adapters.shared_counters.bans import SharedBans
from compostela.adapters.shared_counters.engine import CountersFile
from compostela.adapters.shared_counters.failed_logins import SharedFailedLogins
from compostela.adapters.shared_counters.rate_limits import SharedRateLimits
from compostela.adapters.shared_counters.recent_logins import SharedRecentLogins
from compostela.base.clock import Clock
from compostela.core.authentication.failure_ports import Bans, FailedLogins, RecentLogins
from compostela.core.authentication.known_tokens import KnownTokens
from compostela.core.rate_limits.ports import RateLimits


@dataclass(frozen=True, slots=True)
class Limits:
    """The ports that no durable store keeps."""

    failed_logins: FailedLogins
    bans: Bans
    recent_logins: RecentLogins
    ended_sessions: RecentLogins
    known_tokens: KnownTokens
    rate_limits: RateLimits


def own_limits(clock: Clock) -> Limits:
    """Of a process that is alone, or for which others do not count."""
    return Limits(
        InProcessFailedLogins(clock),
        InProcessBans(clock),
        InProcessRecentLogins(clock),
        InProcessRecentLogins(clock),
        InProcessKnownTokens(clock),
        InProcessRateLimits(clock),
    )


def shared_limits(file: CountersFile, clock: Clock) -> Limits:
    """Of workers: in a file, and in this process while the file cannot be used. Each worker knows its own tokens."""
    return Limits(
        SharedFailedLogins(file, clock, InProcessFailedLogins(clock)),
        SharedBans(file, clock, InProcessBans(clock)),
        SharedRecentLogins(file, clock, InProcessRecentLogins(clock)),
        SharedRecentLogins(file, clock, InProcessRecentLogins(clock), table="ended_session"),
        InProcessKnownTokens(clock),
        SharedRateLimits(file, clock, InProcessRateLimits(clock)),
    )
