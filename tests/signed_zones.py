"""Signed zones on loopback: knot serves and signs them, unbound validates what it says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from compostela.testing.ports import free_port
from tests.programs import needs

needs_signed_zones = needs("knotd", "unbound")
HOST = "127.0.0.1"
MOST_TRIES = 600
_KNOT = """server:
    listen: {host}@{port}
    rundir: {folder}
log:
  - target: {folder}/knot.log
    any: info
database:
    storage: {folder}/db
policy:
  - id: test
    algorithm: ecdsap256sha256
    single-type-signing: on
zone:
"""
_ZONE = """  - domain: {zone}
    file: {folder}/{zone}.zone
    zonefile-load: whole
    zonefile-sync: -1
    dnssec-signing: {signing}
    dnssec-policy: test
"""
_HEAD = """$ORIGIN {zone}.
$TTL 300
@ SOA ns hostmaster 1 300 300 300 300
@ NS ns
ns A 127.0.0.1
"""
_UNBOUND = """server:
    interface: {host}@{port}
    directory: {folder}
    pidfile: ""
    chroot: ""
    username: ""
    use-syslog: no
    logfile: {folder}/unbound.log
    do-not-query-localhost: no
    module-config: "validator iterator"
    do-daemonize: no
    num-threads: 1
    cache-max-negative-ttl: 1
remote-control:
    control-enable: no
"""


@contextlib.asynccontextmanager
async def signed_zones(
    folder: Path, zones: Mapping[str, str], *, unsigned: str = "", forged: str = ""
) -> AsyncIterator[str]:
    """Serve these zones (name -> lines of a zone file without SOA and NS). The one called `unsigned` is not signed; the validator
    expects another key of the one called `forged`. Gives the validator's address as dnsservice.xml takes it."""
    async with contextlib.AsyncExitStack() as stack:
        port = await _serve(stack, folder, zones, unsigned)
        validator = free_port()
        lines = [_UNBOUND.format(host=HOST, port=validator, folder=folder)]
        keys = {zone: await _key_of(zone, port) for zone in zones if zone != unsigned}
        other = next((key for zone, key in keys.items() if zone != forged), "")
        for zone in zones:
            lines.append(f"stub-zone:\n    name: {zone}\n    stub-addr: {HOST}@{port}\n")
            if zone in keys:
                key = other if zone == forged else keys[zone]
                lines.append(f'server:\n    trust-anchor: "{zone}. DNSKEY {key}"\n')
        configuration = folder / "unbound.conf"
        configuration.write_text("".join(lines))
        await _started(stack, "unbound", "-c", str(configuration))
        await _answered(next(iter(zones)), "SOA", validator)
        yield f"{HOST}:{validator}"


async def _serve(stack: contextlib.AsyncExitStack, folder: Path, zones: Mapping[str, str], unsigned: str) -> int:
    port = free_port()
    (folder / "db").mkdir()
    lines = [_KNOT.format(host=HOST, port=port, folder=folder)]
    for zone, records in zones.items():
        (folder / f"{zone}.zone").write_text(_HEAD.format(zone=zone) + records)
        lines.append(_ZONE.format(zone=zone, folder=folder, signing="off" if zone == unsigned else "on"))
    configuration = folder / "knot.conf"
    configuration.write_text("".join(lines))
    await _started(stack, "knotd", "-c", str(configuration))
    return port


async def _started(stack: contextlib.AsyncExitStack, *command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )

    async def end() -> None:
        if process.returncode is None:
            process.terminate()
        await process.wait()

    stack.push_async_callback(end)


async def _key_of(zone: str, port: int) -> str:
    answer = await _answered(zone, "DNSKEY", port)
    keys = [record.to_text() for rrset in answer.answer for record in rrset if rrset.rdtype == dns.rdatatype.DNSKEY]
    return next(key for key in keys if key.startswith("257 "))


async def _answered(name: str, kind: str, port: int) -> dns.message.Message:
    """Asks until the server has an answer."""
    query = dns.message.make_query(name, kind)
    for _ in range(MOST_TRIES):
        with contextlib.suppress(OSError, dns.exception.DNSException):
            answer = await dns.asyncquery.udp(query, HOST, timeout=1.0, port=port)
            if answer.rcode() == dns.rcode.NOERROR and answer.answer:
                return answer
        await asyncio.sleep(0.1)
    raise AssertionError(f"no answer to {name} {kind} from port {port}")
