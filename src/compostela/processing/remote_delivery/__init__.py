"""RemoteDelivery: mail that leaves."""
