"""Tests of the examples with the kit `compostela.testing`, as an extension of one's own would have them."""
