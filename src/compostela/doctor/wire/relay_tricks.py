"""Ways in which relays have been talked into carrying mail for strangers: arguments of RCPT TO."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trick:
    """`foreign`: the address is outside the server's domains, however it is read. Otherwise it is in one of them, with a route in
    its local part that a server must not follow."""

    name: str
    argument: str
    foreign: bool = True
    smtputf8: bool = False


def tricks(recipient: str, own: str, host: str, address: str) -> list[Trick]:
    """For a foreign recipient, a domain of the server, its name and its address."""
    local, _, domain = recipient.rpartition("@")
    literal = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
    return [
        Trick("plain address", f"<{recipient}>"),
        Trick("upper case", f"<{recipient.upper()}>"),
        Trick("no brackets", recipient),
        Trick("blanks inside the brackets", f"< {recipient} >"),
        Trick("final dot", f"<{recipient}.>"),
        Trick("quoted local part", f'<"{local}"@{domain}>'),
        Trick("source route over the domain", f"<@{own}:{recipient}>"),
        Trick("source route over the server's name", f"<@{host}:{recipient}>"),
        Trick("source route over both", f"<@{host},@{own}:{recipient}>"),
        Trick("source route over the address", f"<@{literal}:{recipient}>"),
        Trick("foreign address literal", f"<{local}@[192.0.2.1]>"),
        Trick("foreign IPv6 literal", f"<{local}@[IPv6:2001:db8::1]>"),
        Trick("own domain before the foreign one", f"<{local}@{own}@{domain}>"),
        Trick("foreign domain below the own", f"<{local}@{own}.{domain}>"),
        Trick("route in the local part of a foreign address", f"<{local}%{own}@{domain}>"),
        Trick("UTF-8 local part", f"<relay-tëst@{domain}>", smtputf8=True),
        Trick("UTF-8 domain", f"<{local}@bücher.{domain}>", smtputf8=True),
        Trick("full-width dots", f"<{local}@{domain.replace('.', '．')}>", smtputf8=True),
        Trick("percent hack", f"<{local}%{domain}@{own}>", foreign=False),
        Trick("percent hack at the server's name", f"<{local}%{domain}@{host}>", foreign=False),
        Trick("percent hack at the address", f"<{local}%{domain}@{literal}>", foreign=False),
        Trick("percent hack without a domain", f"<{local}%{domain}>", foreign=False),
        Trick("quoted percent hack", f'<"{local}%{domain}"@{own}>', foreign=False),
        Trick("bang path", f"<{domain}!{local}@{own}>", foreign=False),
        Trick("bang path without a domain", f"<{domain}!{local}>", foreign=False),
        Trick("bang path over the own domain", f"<{own}!{domain}!{local}>", foreign=False),
        Trick("quoted bang path", f'<"{domain}!{local}"@{own}>', foreign=False),
        Trick("foreign domain before the own", f"<{recipient}@{own}>", foreign=False),
        Trick("foreign address as a quoted local part", f'<"{recipient}"@{own}>', foreign=False),
        Trick("foreign address in quotes alone", f'<"{recipient}">', foreign=False),
        Trick("full-width at sign", f"<{local}＠{domain}@{own}>", foreign=False, smtputf8=True),
    ]
