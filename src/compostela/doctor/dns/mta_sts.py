"""MTA-STS (RFC 8461): the record, and the policy that it announces."""

import re
from collections.abc import Awaitable, Callable

from compostela.core.autoconfiguration.mta_sts import POLICY_PATH, parse_policy
from compostela.doctor.dns.lookups import Lookups
from compostela.doctor.dns.records import mta_sts
from compostela.doctor.dns.tag_list import tags, version
from compostela.doctor.model import Finding, Severity
from compostela.doctor.subject import Subject

FetchPolicy = Callable[[str, str], Awaitable[str]]
"""Host and path -> the text, over HTTPS with a valid certificate. Raises OSError with the reason."""

_ID = re.compile("[A-Za-z0-9]{1,32}")
"""§3.1."""
_WHY = "Without a policy somebody on the way can make other servers send in clear text."


async def check_mta_sts(subject: Subject, domain: str, dns: Lookups, fetch: FetchPolicy) -> list[Finding]:
    fix = str(mta_sts(subject, domain))
    records = [one for one in await dns.txt(f"_mta-sts.{domain}") if version(one) == "STSv1"]
    if not records:
        return [Finding(Severity.INFO, domain, f"{domain} has no MTA-STS record.", _WHY, fix)]
    if len(records) > 1 or not _ID.fullmatch(tags(records[0]).get("id", "")):
        text = f"The MTA-STS record of {domain} is not one record with an id of at most 32 letters and digits."
        return [Finding(Severity.ERROR, domain, text, "Other servers do as if it were not there.", fix)]
    host = f"mta-sts.{domain}"
    url = f"https://{host}{POLICY_PATH}"
    serve = f"{url} must give:\n{subject.policy.text.strip()}".replace("\r\n", "\n")
    if not await dns.addresses(host):
        text = f"{host} has no address: the policy cannot be fetched."
        return [Finding(Severity.ERROR, domain, text, _WHY, f"{host}. CNAME {subject.setup.web_host}.")]
    try:
        policy = parse_policy(await fetch(host, POLICY_PATH))
    except OSError as error:
        return [Finding(Severity.WARNING, domain, f"{url} could not be fetched: {error}.", _WHY, serve)]
    except ValueError as error:
        return [Finding(Severity.ERROR, domain, f"The policy at {url} is not valid: {error}.", _WHY, serve)]
    hosts = [one.host.lower() for one in await dns.exchangers(domain) if one.host] or [subject.host]
    unnamed = [host for host in hosts if not policy.covers(host)]
    if unnamed and policy.mode != "none":
        severity = Severity.ERROR if policy.mode == "enforce" else Severity.WARNING
        text = f"The policy of {domain} does not name {', '.join(unnamed)}, where its MX records lead."
        if policy == subject.policy:
            serve = f"mta-sts.mx = {', '.join(dict.fromkeys((*policy.mx, *unnamed)))} in autoconfiguration.properties"
        return [Finding(severity, domain, text, "Servers that keep to it do not deliver there.", serve)]
    found = []
    if policy == subject.policy and tags(records[0])["id"] != subject.policy.id:
        text = f"The id of {domain}'s MTA-STS record is not that of the policy."
        why = "Only a new id makes other servers fetch a policy that has changed."
        found.append(Finding(Severity.INFO, domain, text, why, fix))
    if policy.mode != "enforce":
        text = f"The policy of {domain} does not bind anybody yet (mode: {policy.mode})."
        found.append(
            Finding(Severity.INFO, domain, text, _WHY, "mta-sts.mode = enforce in autoconfiguration.properties")
        )
    return found or [Finding(Severity.OK, domain, f"MTA-STS of {domain} is enforced and names this server.")]
