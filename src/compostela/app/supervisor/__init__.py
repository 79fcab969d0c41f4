"""The parent of the worker processes. Its modules import the standard library, the log and `compostela.base` only: it stays small."""
