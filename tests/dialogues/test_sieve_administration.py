"""Scripts by WebAdmin and by the command line."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from compostela.app.cli import main
from compostela.testing.server import BOB
from tests.dialogues.sieve_administration import call
from tests.dialogues.webadmin_flood import administered

BOBS = "/sieve/bob@example.org/scripts"


@pytest.mark.parametrize("path", ["/sieve/quota/default", "/sieve/quota/users/bob@example.org"])
async def test_quotas_are_set_and_removed(tmp_path: Path, path: str) -> None:
    async with administered(tmp_path) as (_, address):
        assert await call(address, "GET", path) == (204, "")
        assert await call(address, "PUT", path, "1024") == (204, "")
        assert await call(address, "GET", path) == (200, "1024")
        for wrong in ("-1", "x", "", "9" * 30):
            assert (await call(address, "PUT", path, wrong))[0] == 400
        assert await call(address, "DELETE", path) == (204, "")
        assert await call(address, "GET", path) == (204, "")
        assert (await call(address, "GET", "/sieve/quota/users/no@example.org"))[0] == 404


async def test_a_script_is_put_checked_activated_and_deleted(tmp_path: Path) -> None:
    async with administered(tmp_path) as (server, address):
        assert await call(address, "PUT", f"{BOBS}/one?activate=true", "keep;") == (204, "")
        assert await call(address, "PUT", f"{BOBS}/two", "discard;") == (204, "")
        assert await call(address, "GET", f"{BOBS}/one") == (200, "keep;")
        status, text = await call(address, "PUT", f"{BOBS}/three", "keep;\n oops;")
        assert (status, "line 2, column 2" in text) == (400, True)
        assert (await call(address, "PUT", f"{BOBS}/one?activate=maybe", "keep;"))[0] == 400
        assert (await call(address, "PUT", "/sieve/no@example.org/scripts/one", "keep;"))[0] == 404
        assert (await call(address, "DELETE", f"{BOBS}/one"))[0] == 409
        assert (await call(address, "PUT", "/sieve/bob@example.org/active/two"))[0] == 204
        assert (await call(address, "DELETE", f"{BOBS}/one"))[0] == 204
        assert json.loads((await call(address, "GET", BOBS))[1]) == [{"name": "two", "size": 8, "active": True}]
        assert (await call(address, "DELETE", "/sieve/bob@example.org/active"))[0] == 204
        assert await server.store.sieve_scripts.active(BOB) is None
        assert (await call(address, "PUT", "/sieve/quota/default", "7"))[0] == 204
        status, text = await call(address, "PUT", f"{BOBS}/two", "discard;")
        assert (status, "quota" in text) == (400, True)


async def test_the_command_line_manages_scripts(tmp_path: Path) -> None:
    file = tmp_path / "x.sieve"
    file.write_text('require "fileinto"; fileinto "Lists";')
    async with administered(tmp_path) as (_, address):

        async def run(*arguments: str) -> str:
            options = ["--url", address, "--token", "secret"]
            done = await asyncio.to_thread(CliRunner().invoke, main, ["sieve", *arguments, *options])
            assert done.exit_code == 0, done.output
            return done.stdout

        assert await run("list", "bob@example.org") == "bob@example.org has no script\n"
        assert await run("put", "bob@example.org", "my script", str(file)) == "my script is stored\n"
        assert await run("activate", "bob@example.org", "my script") == "my script is active\n"
        assert await run("list", "bob@example.org") == "my script  37 octets  active\n"
        assert await run("get", "bob@example.org", "my script") == file.read_text() + "\n"
        assert json.loads(await run("activate", "bob@example.org", "--json")) == {"active": None}
        assert await run("delete", "bob@example.org", "my script") == "my script is deleted\n"


def test_a_script_is_checked_and_tried_without_a_server(tmp_path: Path) -> None:
    script, mail = tmp_path / "x.sieve", tmp_path / "x.eml"
    mail.write_bytes(b"From: a@b.example\r\nSubject: list\r\n\r\nhello\r\n")
    script.write_text(
        'require ["fileinto", "imap4flags"];\nfileinto :flags "\\\\Seen" "Lists"; redirect "a@b.example";'
    )
    runner = CliRunner()
    assert runner.invoke(main, ["sieve", "check", str(script)]).stdout == f"{script} is valid\n"
    tried = runner.invoke(main, ["sieve", "try", str(script), str(mail)])
    assert tried.stdout == "FileInto mailbox='Lists' flags=['\\\\Seen']\nRedirect address='a@b.example'\n"
    told = json.loads(runner.invoke(main, ["sieve", "try", str(script), str(mail), "--json"]).stdout)
    assert told["actions"][1] == {"action": "Redirect", "address": "a@b.example"}
    script.write_text("keep;\n oops;")
    checked = runner.invoke(main, ["sieve", "check", str(script)])
    assert (checked.exit_code, f"{script}: line 2, column 2: " in checked.stdout) == (1, True)
    assert runner.invoke(main, ["sieve", "try", str(script), str(mail)]).exit_code == 1


async def test_global_scripts_and_lists_by_webadmin(tmp_path: Path) -> None:
    one, friends = "/sieve/scripts/global/one", "/sieve/lists/users/bob@example.org/tag:x.example,2026:friends"
    async with administered(tmp_path) as (_, address):
        assert await call(address, "PUT", one, "keep;") == (204, "")
        assert await call(address, "GET", one) == (200, "keep;")
        assert json.loads((await call(address, "GET", "/sieve/scripts/global"))[1]) == [{"name": "one", "size": 5}]
        assert (await call(address, "PUT", one, "oops;"))[0] == 400
        assert await call(address, "DELETE", one) == (204, "")
        assert [(await call(address, method, one))[0] for method in ("GET", "DELETE")] == [404, 404]
        assert await call(address, "PUT", friends, '["Ann@Example.org", "ann@example.org ", "b@x.example"]') == (
            204,
            "",
        )
        assert json.loads((await call(address, "GET", friends))[1]) == ["ann@example.org", "b@x.example"]
        names = json.loads((await call(address, "GET", "/sieve/lists/users/bob@example.org"))[1])
        assert names == [":addrbook:default", "tag:x.example,2026:friends"]
        assert await call(address, "GET", "/sieve/lists/users/bob@example.org/:AddrBook:Default") == (200, "[]")
        assert await call(address, "PUT", "/sieve/lists/global/tag:x.example,2026:all", '["c@x.example"]') == (204, "")
        assert await call(address, "GET", "/sieve/lists/global") == (200, '["tag:x.example,2026:all"]')
        assert await call(address, "DELETE", friends) == (204, "")
        assert (await call(address, "GET", friends))[0] == 404
        for path, body in (
            (friends, "{}"),
            (friends, '["\\n"'),
            (friends, '["a\\nb"]'),
            ("/sieve/lists/global/no uri", "[]"),
            ("/sieve/lists/global/x:" + "y" * 300, "[]"),
        ):
            assert (await call(address, "PUT", path, body))[0] == 400
        assert (await call(address, "GET", "/sieve/lists/users/no@example.org"))[0] == 404


async def test_the_command_line_manages_quotas_global_scripts_and_lists(tmp_path: Path) -> None:
    script, members = tmp_path / "x.sieve", tmp_path / "members"
    script.write_text("keep;")
    members.write_text("b@x.example\na@x.example\n")
    async with administered(tmp_path) as (_, address):

        async def run(*arguments: str) -> str:
            options = ["--url", address, "--token", "secret"]
            done = await asyncio.to_thread(CliRunner().invoke, main, ["sieve", *arguments, *options])
            assert done.exit_code == 0, done.output
            return done.stdout

        bob = ("--user", "bob@example.org")
        assert await run("quota", "get") == "no quota is set\n"
        assert await run("quota", "set", "5000") == "the quota is 5000 octets\n"
        assert await run("quota", "set", "7000", *bob) == "the quota is 7000 octets\n"
        assert await run("quota", "get") == "5000 octets\n"
        assert await run("quota", "get", *bob) == "7000 octets\n"
        assert await run("quota", "remove", *bob) == "the quota is removed\n"
        assert json.loads(await run("quota", "get", *bob, "--json")) == {"quota": None}
        assert await run("global", "list") == "there is no global script\n"
        assert await run("global", "put", "one", str(script)) == "one is stored\n"
        assert await run("global", "list") == "one  5 octets\n"
        assert await run("global", "get", "one") == "keep;\n"
        assert await run("global", "delete", "one") == "one is deleted\n"
        assert await run("lists", "names", *bob) == ":addrbook:default\n"
        assert await run("lists", "put", ":addrbook:default", str(members), *bob) == ":addrbook:default is stored\n"
        assert await run("lists", "show", ":addrbook:default", *bob) == "a@x.example\nb@x.example\n"
        assert await run("lists", "names") == "there is no list\n"
        assert await run("lists", "delete", ":addrbook:default", *bob) == ":addrbook:default is deleted\n"
        assert await run("lists", "show", ":addrbook:default", *bob) == ":addrbook:default is empty\n"
