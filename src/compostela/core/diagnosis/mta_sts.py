"""MTA-STS (RFC 8461): the record, and the policy that it announces."""

from collections.abc import Awaitable, Callable

from compostela.core.client_setup.mta_sts import POLICY_PATH, parse_policy
from compostela.core.diagnosis.lookups import Lookups
from compostela.core.diagnosis.model import Finding, Severity
from compostela.core.diagnosis.records import mta_sts
from compostela.core.diagnosis.subject import Subject
from compostela.core.diagnosis.tag_list import tags, version

FetchPolicy = Callable[[str, str], Awaitable[str]]
"""Host and path -> the text, over HTTPS with a valid certificate. Raises OSError with the reason."""

_WHY = "Without a policy somebody on the way can make other servers send in clear text."


async def check_mta_sts(subject: Subject, domain: str, dns: Lookups, fetch: FetchPolicy) -> list[Finding]:
    fix = str(mta_sts(subject, domain))
    records = [one for one in await dns.txt(f"_mta-sts.{domain}") if version(one) == "STSv1"]
    if not records:
        return [Finding(Severity.INFO, domain, f"{domain} has no MTA-STS record.", _WHY, fix)]
    if len(records) > 1 or not tags(records[0]).get("id", "").isalnum():
        text = f"The MTA-STS record of {domain} is not one record with an id of letters and digits."
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
    if not policy.covers(subject.host) and policy.mode != "none":
        severity = Severity.ERROR if policy.mode == "enforce" else Severity.WARNING
        text = f"The policy of {domain} does not name {subject.host}."
        return [Finding(severity, domain, text, "Servers that keep to it do not deliver here.", serve)]
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
