"""`python -m tools.reference`."""

from tools.reference import ports
from tools.reference.pages import write

write()
ports.write()
