"""Whether a DNS block list names the server's address (RFC 5782)."""

from ipaddress import ip_address, ip_network

from compostela.core.networks import reversed_address
from compostela.doctor.dns.lookups import Lookups
from compostela.doctor.model import Finding, Severity

_REFUSED = ip_network("127.255.255.0/24")
"""Answers of lists that do not talk to this resolver."""
_LISTED = ip_network("127.0.0.0/8")

_INSIDE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
"""No list knows these."""


async def check_block_list(address: str, block_list: str, dns: Lookups) -> list[Finding]:
    known = ip_address(address)
    if known.is_loopback or known.is_link_local or any(known in network for network in _INSIDE):
        return []
    name = f"{reversed_address(address)}.{block_list}"
    answers = [ip_address(one) for one in await dns.ipv4(name)]
    listed = [one for one in answers if one in _LISTED and one not in _REFUSED]
    if listed:
        reasons = [text[:200] for text in (await dns.txt(name))[:3]]
        text = f"{address} is on the block list {block_list}{': ' if reasons else ''}{'; '.join(reasons)}."
        why = "Servers that use the list refuse mail from here."
        fix = f"find out what was sent (a stolen password, a web form), stop it, then ask {block_list} to be taken off"
        return [Finding(Severity.ERROR, address, text, why, fix)]
    if answers:
        text = f"{block_list} does not answer this resolver."
        why = "Many lists refuse the large public resolvers: so does SMTP's DNSRBL with the same list."
        fix = "<servers><server> in dnsservice.xml: a resolver of your own"
        return [Finding(Severity.INFO, address, text, why, fix)]
    return [Finding(Severity.OK, address, f"{address} is not on the block list {block_list}.")]
