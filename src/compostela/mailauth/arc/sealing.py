"""Sealing a message that is passed on: an ARC set on top of those that are there (RFC 8617 §5.1)."""

from compostela.mailauth.arc.chain import ChainStatus, highest_instance, own_set, read_sets, sealed_octets
from compostela.mailauth.dkim.canonical import Octets
from compostela.mailauth.dkim.private_key import PrivateKey
from compostela.mailauth.dkim.selection import fields_by_name
from compostela.mailauth.dkim.signing import SENDER_DOMAIN, DkimSigner, SignatureTemplate, folded_signature
from compostela.mailauth.dkim.tags import DkimSyntaxError
from compostela.mime.headers import add_first, field_line


class ArcSealer:
    """Seals with one key."""

    def __init__(self, template: SignatureTemplate, key: PrivateKey) -> None:
        """Raises `DkimSyntaxError` for a template that makes no ARC set."""
        if template.domain == SENDER_DOMAIN:
            raise DkimSyntaxError(f"d= must be a domain of this server, not {SENDER_DOMAIN}")
        if any(name == "i" for name, _ in template.others):
            raise DkimSyntaxError("i= is the number of the set: leave it out")
        if any(name.startswith(b"arc-") for name in template.fields):
            raise DkimSyntaxError("h= must have no ARC fields")
        self._template = template
        self._key = key
        self._signer = DkimSigner(template, key)

    def seal(self, header: bytes, body: Octets, results: str, found: ChainStatus, now: float) -> bytes:
        """The header block with a set more, for a message with less than `MAX_SETS` of them. `results` is the value of this server's
        Authentication-Results, on one line; `found` what it thinks of the sets that are there. The seal of a broken chain covers
        its own set alone (§5.1.2). `now` in epoch seconds. Pure."""
        instance = highest_instance(fields_by_name(header)) + 1
        domain = self._template.domain
        signature = self._signer.sign(
            header, body, domain, now, field_name="ARC-Message-Signature", first_tag=f"i={instance}"
        )
        own = add_first(header, signature, field_line("ARC-Authentication-Results", f"i={instance}; {results}"))
        seal = (
            f"ARC-Seal: i={instance}; a={self._key.algorithm.value}; cv={found.value}; d={domain};\r\n"
            f"\ts={self._template.selector}; t={int(now)};\r\n\tb="
        ).encode()
        whole = add_first(own, seal)
        by_name = fields_by_name(whole)
        # the fields on top are this set's own
        covered = [own_set(by_name)] if found is ChainStatus.FAIL else read_sets(by_name)
        return add_first(own, seal + folded_signature(self._key.sign(sealed_octets(whole, covered, seal))))
