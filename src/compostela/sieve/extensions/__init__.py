"""The extensions, one idea a module: each declares its commands and tests in `DEFINITIONS`."""
