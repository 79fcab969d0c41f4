"""Spam told by its words: what messages of either kind were made of, and how likely that makes another one spam."""
