"""Readers of key stores: JKS, PKCS#12, PEM and DER, without `ssl`."""
