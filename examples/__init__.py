"""Extensions of the server, as small as they can be."""
