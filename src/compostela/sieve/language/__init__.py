"""The base language of RFC 5228 §3 to §5, and `fileinto`."""
