"""Compostela: a mail server platform."""
