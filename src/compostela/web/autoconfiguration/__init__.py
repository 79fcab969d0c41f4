"""The public documents: how mail programs set themselves up, and the MTA-STS policy. They need no login and
say nothing about users: the answer depends on the domain alone."""
