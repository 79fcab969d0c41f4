"""The reference manual, made from the code: `make reference` writes it to docs/reference."""

from tools.reference.pages import PAGES, write

__all__ = ["PAGES", "write"]
