"""Tools for those who work on the code; not part of the package."""
