"""What the ports say: dialogues with the running server."""
