"""The PROXY protocol without I/O: what a load balancer says about the client before the first octet of it."""
