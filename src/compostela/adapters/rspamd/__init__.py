"""Rspamd, over HTTP."""
