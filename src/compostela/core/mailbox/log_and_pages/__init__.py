"""Mailboxes as a log that is the truth and pages that are made from it, for stores over a network.

A *publish* is one conditional write of the mailbox's partition: a new head, and one row of the log with what changed. A
*projector* writes the state after some row into pages of 512 messages, and the rows up to there can go. The state of a mailbox
is: head, the rows after the projection (the *tail*), and pages, which are read when they are needed.

Nothing here knows an engine. `docs/decisions/0012-mailboxes-on-cassandra.md` tells why it is made so.
"""
