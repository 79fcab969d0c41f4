"""The public documents: how mail programs set themselves up, and the MTA-STS policy. Nobody needs to log in for them, and they
say nothing about users: the answer depends on the domain alone."""
