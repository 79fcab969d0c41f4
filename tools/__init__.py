"""Tools for developers of the code; not part of the package."""
