"""POP3 servers: settings, maildrops, sessions."""
