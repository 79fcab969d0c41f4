"""Which addresses this machine has."""

import socket


def is_of_this_machine(address: str) -> bool:
    """Whether an interface of the machine has the IP address: only then the system lets a socket be bound to it. Asked anew
    each time, since interfaces come and go."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
