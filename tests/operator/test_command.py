# SPDX-License-Identifier: MIT
"""The command as a program: how it is started, and how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.operator.conftest import Imapd
from workers.embedded import Embedded

CHECKOUT = Path(__file__).resolve().parents[2]


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, CHECKOUT / "imapd.py", *arguments], capture_output=True, text=True, cwd="/")


def test_import_imapd_is_the_package_beside_the_program() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import imapd; print(imapd.__file__)"
    said = subprocess.run([sys.executable, "-c", code, CHECKOUT], capture_output=True, text=True, cwd="/").stdout
    assert said.strip() == str(CHECKOUT / "imapd" / "__init__.py")


def test_it_is_executable_and_names_its_commands() -> None:
    assert os.access(CHECKOUT / "imapd.py", os.X_OK)
    done = program("--help")
    assert done.returncode == 0
    for name in ("serve", "demo", "migrate", "check-config", "commands", "org", "domain", "user", "mailbox", "alias", "share", "quota", "import", "export", "check"):
        assert f"\n  {name} " in done.stdout


def test_wrong_usage_is_2() -> None:
    for arguments in (["nonsense"], ["org", "add"], ["user", "add", "not-an-address"], ["demo", "--imap-port", "70000"]):
        done = program(*arguments)
        assert done.returncode == 2, arguments
        assert "Traceback" not in done.stderr
        assert done.stderr.count("\n") == 1 and "; see: imapd" in done.stderr, done.stderr


def test_who_says_nothing_is_told_all() -> None:
    for arguments in ([], ["share"], ["group", "member"]):
        said = program(*arguments)
        assert "Commands:" in said.stdout + said.stderr


def test_a_domain_that_there_is_not_is_no_empty_list(imapd: Imapd) -> None:
    for arguments in (["user", "list", "--domain", "nowhere.example"], ["group", "list", "--org", "Nowhere"],
                      ["domain", "list", "--org", "Nowhere"], ["share", "list", "nobody@nowhere.example"]):  # fmt: skip
        done = imapd(*arguments)
        assert (done.code, done.err.count("\n"), "; see: imapd " in done.err) == (1, 1, True), done.err


def test_wrong_configuration_is_78_and_one_line(tmp_path: Path) -> None:
    file = tmp_path / "imapd.yaml"
    file.write_text("server:\n  prot: 143\n")
    for command in (["check-config"], ["migrate"], ["serve"], ["org", "list"]):
        done = program(*command, "--config", str(file))
        assert (done.returncode, done.stdout) == (78, "")
        assert done.stderr == f"imapd: {file}:2: server.prot: no such key\n"
    done = program("check-config", "--config", str(tmp_path / "none.yaml"))
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)


def test_no_database_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "imapd.yaml"
    file.write_text(f"database:\n  dsn: host={tmp_path}\n")
    done = program("org", "list", "--config", str(file))
    assert done.returncode == 1
    assert done.stderr.startswith("imapd: The database cannot be reached: ")
    assert done.stderr.count("\n") == 1


def test_a_database_of_another_schema_is_refused(postgres: Embedded, tmp_path: Path) -> None:
    file = tmp_path / "imapd.yaml"
    file.write_text(f"database:\n  dsn: {postgres.dsn} dbname=postgres\ntls: {{certificate: null, key: null}}\nserver: {{tls_port: null}}\n")
    for command in (["serve"], ["org", "list"]):
        done = program(*command, "--config", str(file))
        assert (done.returncode, done.stderr) == (1, "imapd: The database is empty. Run: imapd migrate\n")


def test_migrate_says_what_it_does(imapd: Imapd) -> None:
    assert imapd("migrate").out == "The database is up to date.\n"


def test_check_config(imapd: Imapd) -> None:
    outcome = imapd("check-config")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.endswith("no mistakes found.\n")


def test_commands_prints_the_table() -> None:
    rows = json.loads(program("commands", "--json").stdout)
    noop = next(row for row in rows if row["name"] == "NOOP")
    assert noop["rfc"] == 3501
    assert "UID FETCH" in {row["name"] for row in rows}
    assert all((CHECKOUT / row["file"]).is_file() for row in rows)
    lines = program("commands").stdout.splitlines()
    assert any(line.split()[:2] == ["NOOP", "NAS"] for line in lines)
    assert max(map(len, lines)) <= 80


def test_a_reader_that_has_enough_is_no_error() -> None:
    command = f"{sys.executable} {CHECKOUT / 'imapd.py'} commands --json | head -c 10"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def shell(line: str) -> subprocess.CompletedProcess[str]:
    command = f"{sys.executable} {CHECKOUT / 'imapd.py'} {line}"
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("command", ["commands", "commands --json", "--help"])
def test_a_disk_that_is_full_is_one_line(command: str) -> None:
    done = shell(f"{command} > /dev/full")
    assert (done.returncode, done.stderr) == (1, "imapd: No space left on device\n")


def test_where_nothing_can_be_made_is_one_line(tmp_path: Path) -> None:
    done = program("demo", "--data", "/proc/x")
    assert (done.returncode, done.stderr) == (1, "imapd: /proc/x: No such file or directory\n")
    (tmp_path / "file").touch()
    done = program("demo", "--data", str(tmp_path / "file" / "x"))
    assert (done.returncode, done.stderr) == (1, f"imapd: {tmp_path}/file/x: Not a directory\n")


def test_streams_may_be_closed(config: Path) -> None:
    for closed in (">&-", ">&- 2>&-", "<&- >&- 2>&-"):
        done = shell(f"org list --config {config} {closed}")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "none\n" if "2" not in closed else ""), closed
    done = shell(f"user add ann@example.com --password-stdin --config {config} <&-")
    assert (done.returncode, done.stderr) == (1, "imapd: The password is empty.\n")


@pytest.mark.parametrize("name", ["Makefile", "README.md", "CHANGELOG.md", "LICENSE", ".ci/run"])
def test_what_a_newcomer_looks_for_is_there(name: str) -> None:
    assert (CHECKOUT / name).is_file()


def test_every_option_of_the_demo_is_there() -> None:
    said = program("demo", "--help").stdout
    for option in ("--data", "--imap-port", "--imaps-port", "--lmtp-port", "--http-port", "--users", "--workers"):
        assert option in said
