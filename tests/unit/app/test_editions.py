"""Which edition a configuration folder chooses, and the sample of the distributed one."""

import shutil
from pathlib import Path

import pytest

from compostela.app.checking import check, report
from compostela.app.configuration.folder import Configuration, load
from compostela.app.configuration.sample import sample_folder
from compostela.base.settings import Problems, Severity

DISTRIBUTED = Path(__file__).parents[3] / "conf-distributed"


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DISTRIBUTED, tmp_path / "conf"))


def loaded(conf: Path) -> tuple[Configuration, Problems]:
    problems = Problems()
    return load(conf, conf.parent / "data", problems), problems


async def test_the_sample_of_the_distributed_edition_is_right_and_nothing_is_opened(conf: Path, tmp_path: Path) -> None:
    problems = Problems()
    configuration = await check(conf, tmp_path / "data", problems)
    assert report(problems) == ""
    assert configuration.engines is not None
    assert configuration.engines.cassandra.keyspace == configuration.engines.blobs.bucket == "compostela"
    assert not (tmp_path / "data").exists()


def test_the_samples_differ_in_engines_and_addresses_only() -> None:
    common = {
        path.name: path.read_text() for path in sample_folder().iterdir() if path.suffix in (".xml", ".properties")
    }
    address = "${env:COMPOSTELA_ADDRESS:-127.0.0.1}"
    distributed = {path.name: path.read_text().replace(address, "127.0.0.1") for path in DISTRIBUTED.iterdir()}
    assert {name: distributed.get(name) for name in common} == common


def test_without_cassandra_properties_the_data_is_embedded_and_other_files_are_complained_of(conf: Path) -> None:
    (conf / "cassandra.properties").unlink()
    configuration, problems = loaded(conf)
    assert configuration.engines is None
    warned = {problem.place.file for problem in problems.of(Severity.WARNING)}
    assert warned == {"cassandra-driver.conf", "blob.properties", "redis.properties", "queue.properties"}


def test_bodies_need_a_store(conf: Path) -> None:
    (conf / "blob.properties").unlink()
    _, problems = loaded(conf)
    assert {problem.place.file for problem in problems.of(Severity.ERROR)} == {"blob.properties"}


def test_the_file_of_bodies_may_have_either_name_but_not_both(conf: Path) -> None:
    (conf / "blob.properties").rename(conf / "blobstore.properties")
    configuration, problems = loaded(conf)
    assert configuration.engines is not None
    assert configuration.engines.blobs.bucket == "compostela"
    assert not problems.of(Severity.ERROR)
    shutil.copy(conf / "blobstore.properties", conf / "blob.properties")
    assert len(loaded(conf)[1].of(Severity.ERROR)) == 1
