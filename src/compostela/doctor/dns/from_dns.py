"""All checks that need nothing but the configuration and DNS."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from compostela.doctor.dns.block_lists import check_block_list
from compostela.doctor.dns.dane import check_dane, check_dane_of_domain
from compostela.doctor.dns.dkim import check_dkim
from compostela.doctor.dns.dmarc import check_dmarc
from compostela.doctor.dns.exchangers import check_exchangers
from compostela.doctor.dns.lookups import Lookups
from compostela.doctor.dns.mta_sts import FetchPolicy, check_mta_sts
from compostela.doctor.dns.names import check_names
from compostela.doctor.dns.records import helo_policy, sender_policy
from compostela.doctor.dns.reverse import check_reverse
from compostela.doctor.dns.sender_policy import EvaluateSpf, check_sender_policy
from compostela.doctor.dns.service_records import check_services
from compostela.doctor.dns.tls_reporting import check_tls_reporting
from compostela.doctor.model import Check, Finding
from compostela.doctor.subject import Subject, is_public_name

OfDomain = Callable[[Subject, str, Lookups], Awaitable[list[Finding]]]


def dns_checks(
    subject: Subject, public: Sequence[str], dns: Lookups, spf: EvaluateSpf, fetch: FetchPolicy
) -> list[Check]:
    """`public` are the addresses by which the Internet knows the server. In the order in which an operator would go through them."""
    host = subject.host
    helo = sender_policy(host) if host in subject.domains else helo_policy(host)
    checks = [
        Check("names", host, partial(check_names, subject)),
        Check("reverse-dns", host, partial(check_reverse, subject, dns)),
        Check("spf", host, partial(check_sender_policy, subject, host, dns, spf, helo)),
        Check("dane", host, partial(check_dane, subject, dns)),
    ]
    for domain in subject.domains:
        if not is_public_name(domain):
            continue
        of_domain: list[tuple[str, OfDomain]] = [
            ("mx", check_exchangers),
            ("dane", check_dane_of_domain),
            ("dkim", check_dkim),
            ("dmarc", check_dmarc),
            ("tls-rpt", check_tls_reporting),
            ("services", check_services),
        ]
        checks += [Check(name, domain, partial(run, subject, domain, dns)) for name, run in of_domain]
        checks.append(Check("mta-sts", domain, partial(check_mta_sts, subject, domain, dns, fetch)))
        if domain != host:
            usual = sender_policy(domain)
            checks.append(Check("spf", domain, partial(check_sender_policy, subject, domain, dns, spf, usual)))
    for address in public:
        for block_list in subject.settings.block_lists:
            checks.append(Check("block-lists", address, partial(check_block_list, address, block_list, dns)))
    return checks
