"""TLS of the servers: keys from JKS, PKCS#12 or PEM, protocols and suites, client certificates, exchange of the key at run time."""
