"""Kerberos tickets, checked with MIT's library through the package gssapi; both are there only where they were asked for."""
