"""The tables, by area. Each module gives the statements of its tables, which `schema` puts in order."""
