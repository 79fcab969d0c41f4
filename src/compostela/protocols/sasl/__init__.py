"""SASL mechanisms, shared by all protocols."""
