"""A properties file as settings."""

from compostela.base.settings import Node, Place, Problems, Settings


def settings_of(text: str, file: str) -> tuple[Settings, Problems]:
    problems = Problems()
    children = []
    for number, line in enumerate(text.split("\n"), 1):
        name, _, value = line.partition("=")
        if name:
            children.append(Node(name, Place(file, number), value))
    return Settings(Node(file, Place(file), children=children), problems), problems
