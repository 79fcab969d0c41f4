"""Who a client is, for whom it may act, and what happens to those who guess."""
