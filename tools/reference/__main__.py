"""`python -m tools.reference`."""

from tools.reference import ports, tested
from tools.reference.pages import write

write()
ports.write()
tested.write()
