"""DNS through dnspython, which is imported at the first look-up."""
