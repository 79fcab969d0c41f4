"""`make setup` tells how far it is."""

from pathlib import Path

from tools.install import arguments_for, steps


def test_each_package_is_told_once() -> None:
    said = [
        "Collecting uvloop==0.21.0 (from -r requirements.lock (line 1))\n",
        "  Using cached uvloop-0.21.0.whl (3.8 MB)\n",
        "Collecting apsw==3.50 (from -r requirements.lock (line 9))\n",
        "Collecting uvloop==0.21.0 (from again)\n",
        "Requirement already satisfied: click==8.1 in /somewhere\n",
        "Installing collected packages: uvloop, apsw\n",
    ]
    assert list(steps(iter(said), 2)) == [
        "1 of 2: uvloop",
        "2 of 2: apsw",
        "3 of 3: click",
        "installing, compiling ...",
    ]


def test_a_lock_file_is_installed_with_its_hashes_and_the_project_without_dependencies(tmp_path: Path) -> None:
    assert arguments_for(str(tmp_path)) == ["--no-deps", "--editable", str(tmp_path)]
    assert arguments_for("requirements.lock") == ["--require-hashes", "-r", "requirements.lock"]
