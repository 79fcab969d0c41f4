"""The diagnosis, put together: all checks, with the server's resolver and its SPF."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from compostela.adapters.http.policy_fetcher import PolicyFetcher
from compostela.base.clock import Clock
from compostela.core.dns.ports import DnsResolver, DnsTemporaryFailure
from compostela.doctor.configuration import ExaminedConfiguration
from compostela.doctor.dns.from_dns import dns_checks
from compostela.doctor.dns.lookups import Lookups
from compostela.doctor.dns.records import Publication, publications
from compostela.doctor.examination import subject_of
from compostela.doctor.model import Account, Check, Finding, Severity, examine
from compostela.doctor.roles import IsRead, check_roles
from compostela.doctor.service import Diagnosis
from compostela.doctor.subject import Subject
from compostela.doctor.wire.over_the_wire import wire_checks
from compostela.doctor.wire.ports import knock
from compostela.doctor.wire.served_certificates import as_served
from compostela.mailauth.dns import AuthenticationDns
from compostela.mailauth.spf.evaluation import check_host


async def diagnose(
    subject: Subject,
    resolver: DnsResolver,
    authentication_dns: AuthenticationDns,
    clock: Clock,
    *,
    account: Account | None = None,
    only: Sequence[str] = (),
    fetcher: PolicyFetcher | None = None,
    is_read: IsRead | None = None,
) -> list[Finding]:
    """All findings; `only` names the checks to run. Nothing but DNS and the MTA-STS policies comes from elsewhere. `is_read` is what
    only the server itself can tell; without it the check `roles` is left out."""
    dns = Lookups(resolver)
    answers = await knock(subject.endpoints)
    try:
        public = await dns.public_addresses(subject)
    except DnsTemporaryFailure:
        public = []

    async def spf(address: str, domain: str, helo: str) -> tuple[str, str]:
        result = await check_host(
            address, domain, f"postmaster@{domain}", helo, authentication_dns, now=clock.now(), receiver=subject.host
        )
        return result.code.value, result.problem or result.mechanism

    fetch = (fetcher or PolicyFetcher(resolver)).fetch
    # what DNS says of the certificate is compared with the one that is served
    seen = await as_served(subject, [one.endpoint for one in answers if not one.problem])
    checks = [*wire_checks(subject, answers, public, account), *dns_checks(seen, public, dns, spf, fetch)]
    if is_read is not None:
        checks += [Check("roles", domain, partial(check_roles, domain, is_read)) for domain in subject.domains]
    chosen = [one for one in checks if not only or one.name in only]
    return await examine(chosen, subject.settings.check_seconds) or [_nothing(subject, only)]


def _nothing(subject: Subject, only: Sequence[str]) -> Finding:
    """With the checks that were asked for: silence would be a clean bill of health."""
    text = f"There was nothing to examine: no server, address or public domain here that {', '.join(only)} is about."
    fix = f"the domains ({', '.join(subject.domains)}), the servers, doctor.properties, --user"
    return Finding(Severity.WARNING, subject.host, text, "Nothing is known then.", fix, only[0] if only else "")


def diagnosis_of(
    configuration: ExaminedConfiguration,
    resolver: DnsResolver,
    authentication_dns: AuthenticationDns,
    clock: Clock,
    domains: Callable[[], Awaitable[list[str]]],
    ports: dict[str, list[int]],
    is_read: IsRead,
) -> Diagnosis:
    """For a running server, which knows its ports and its domains."""

    async def subject(chosen: Sequence[str]) -> Subject:
        return await asyncio.to_thread(subject_of, configuration, chosen or await domains(), ports)

    async def findings(chosen: Sequence[str], account: Account | None, only: Sequence[str]) -> list[Finding]:
        return await diagnose(
            await subject(chosen), resolver, authentication_dns, clock, account=account, only=only, is_read=is_read
        )

    async def records(chosen: Sequence[str]) -> list[Publication]:
        return publications(await subject(chosen))

    return Diagnosis(findings, records)
