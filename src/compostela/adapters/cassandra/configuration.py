"""Reads `cassandra.properties` and what of `cassandra-driver.conf` has a meaning here, by James's names."""

from dataclasses import fields

from compostela.adapters.cassandra.settings import DRIVER, CassandraSettings, DriverSettings
from compostela.base.declared import read
from compostela.base.settings import Settings


def read_cassandra_settings(settings: Settings, driver: Settings) -> CassandraSettings:
    """Reads both files whole. `driver` has a child for each path of `cassandra-driver.conf`."""
    options = read(DriverSettings, driver)
    made = read(CassandraSettings, settings, **{one.name: getattr(options, one.name) for one in fields(options)})
    settings.finish()
    _list_other_options(driver)
    driver.finish()
    return made


def _list_other_options(driver: Settings) -> None:
    """All other options are those of another driver: they are listed in one complaint."""
    known = set(driver.known)
    names = [child.name for child in driver.node.children]
    others = [name for name in names if name not in known and name.startswith(f"{DRIVER}.")]
    for name in others:
        driver.sections(name)
    if others:
        listed = ", ".join(name.removeprefix(f"{DRIVER}.") for name in others)
        driver.problems.no_effect(driver.place, f"options without effect here: {listed}")
