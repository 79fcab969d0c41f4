"""SpamAssassin's daemon spamd, over its own protocol."""
