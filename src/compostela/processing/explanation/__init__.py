"""A dry run: what the container would do with a mail, and what would become of it for each recipient. Nothing is changed."""
