"""Listeners: each group follows the change logs of mailboxes and trees from cursors of its own."""
