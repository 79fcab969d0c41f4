"""The configurations that are used for files that are missing."""
