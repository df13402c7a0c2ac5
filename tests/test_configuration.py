# SPDX-License-Identifier: MIT
"""The configuration: its reference, its schema and its dataclasses say the same; mistakes are named by line and key."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from imapd.configuration import SCHEMA, ConfigError, load
from imapd.settings import Settings, keys
from workers.certificate import make_certificate

CHECKOUT = Path(__file__).resolve().parent.parent
REFERENCE = CHECKOUT / "config" / "imapd.yaml"


def written(tmp_path: Path, text: str) -> str:
    file = tmp_path / "imapd.yaml"
    file.write_text(text)
    return str(file)


def test_every_key_stands_in_dataclasses_reference_and_schema() -> None:
    reference = yaml.safe_load(REFERENCE.read_text())
    schema = json.loads(SCHEMA.read_text())["properties"]
    known = set(keys())
    assert {(section, key) for section in reference for key in reference[section]} == known
    assert {(section, key) for section in schema for key in schema[section]["properties"]} == known


def test_the_reference_shows_the_defaults() -> None:
    assert load(REFERENCE) == Settings()


def test_every_key_of_the_reference_has_a_comment() -> None:
    """One comment may stand above a pair of keys; none is without."""
    comments = 0
    for line in REFERENCE.read_text().splitlines():
        if line.startswith("  #"):
            comments = 3
        elif line.startswith("  ") and line[2] not in " #":
            comments -= 1
            assert comments >= 0, line
        elif not line.startswith(" "):
            comments = 0


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert load(written(tmp_path, "")) == Settings()
    assert load(written(tmp_path, "server:\ntls:\n")) == Settings()


def test_workers_get_what_the_master_has() -> None:
    settings = Settings()
    assert Settings.from_json(settings.to_json()) == settings


def test_units(tmp_path: Path) -> None:
    settings = load(written(tmp_path, "limits:\n  message_octets: 20MB\n  line_octets: 16KiB\n  idle_seconds: 45m\n"))
    assert settings.limits.message_octets == 20_000_000
    assert settings.limits.line_octets == 16_384
    assert settings.limits.idle_seconds == 2700


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("server:\n  port: 0\n", ":2: server.port: must be at least 1"),
        ("server:\n  port: 70000\n", ":2: server.port: must be at most 65535"),
        ("server:\n  port: abc\n", ":2: server.port: must be integer or null"),
        ("server:\n  port: true\n", ":2: server.port: must be integer or null"),
        ("server:\n  prot: 143\n", ":2: server.prot: no such key"),
        ("server:\n  port: 143\n  port: 144\n", ":3: server.port: stands here a second time"),
        ("sevrer:\n  port: 143\n", ":1: sevrer: no such key"),
        ("5: x\n", ":1: 5: no such key"),
        ("server: 143\n", ":1: server: must be object"),
        ("- server\n", ":1: the file: must be object"),
        ("server:\n  max_connections: -1\n", ":2: server.max_connections: must be at least 1"),
        ("server:\n  max_connections: 0\n", ":2: server.max_connections: must be at least 1"),
        ("limits:\n  line_octets: 10XB\n", ":2: limits.line_octets: must be like '64KiB'"),
        ("limits:\n  idle_seconds: 5w\n", ":2: limits.idle_seconds: must be like '30m'"),
        ("limits:\n  idle_seconds: 0\n", ":2: limits.idle_seconds: must be at least 1"),
        ("imap:\n  namespace_mode: both\n", ":2: imap.namespace_mode: must be one of domain_separated, unified"),
        ("imap:\n  capabilities:\n    - IDLE\n    - 5\n", ":4: imap.capabilities.1: must be string"),
        ("imap:\n  id:\n    name: 'a\tb'\n", ":3: imap.id.name: must be like 'imapd'"),
        ("lmtp:\n  allow:\n    - 192.0.2.300\n", ":3: lmtp.allow.0: is no network"),
        ("lmtp:\n  allow: [localhost]\n", ":2: lmtp.allow.0: must be like '192.0.2.0/24'"),
        ("lmtp:\n  socket: lmtp\n", ":2: lmtp.socket: must be like '/run/imapd/lmtp'"),
        ("lmtp:\n  over_quota: maybe\n", ":2: lmtp.over_quota: must be one of temporary, permanent"),
        ("server:\n  host: ''\n", ":2: server.host: must not be empty"),
        ("server:\n\tport: 1\n", ":2: found character"),
        ("server: [\n", "expected the node content"),
        ("? [a, b]\n: c\n", "unhashable"),
        ("imap:\n  id:\n    name: imapd\n    version: 2026-02-30\n", ":4: that is no timestamp"),
        ("http:\n  port: 0b_\n", ":2: that is no int"),
        (f"http:\n  port: {'9' * 5000}\n", ":2: that is no int"),
        ("database: !!bool x\n", ":1: that is no bool"),
        ("database: !!timestamp x\n", ":1: that is no timestamp"),
        ("{? !!int '' : 2}\n", ":1: that is no int"),
        ("imap: &a\n  id: *a\n", "something stands in itself"),
        ("imap: " + "[" * 3000, "too deep"),
        ("tls:\n  key: 'a\0b'\n", "not a YAML text"),
        ("database:\n  dsn_file: \"/a\\0b\"\n", ":2: database.dsn_file: holds a character that no file name can hold"),
        ("database:\n  dsn: bogus\n", ":2: database.dsn: must be as PostgreSQL wants it"),
        ("database:\n  dsn: hots=db.example.com\n", ":2: database.dsn: must be as PostgreSQL wants it"),
        ("auth:\n  penalty_exempt: [999.0.0.0/8]\n", ":2: auth.penalty_exempt.0: is no network"),
    ],
)
def test_a_mistake_is_one_line_with_file_line_and_key(tmp_path: Path, text: str, where: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        load(file)
    message = str(raised.value)
    assert message.startswith(f"{file}:")
    assert "\n" not in message
    assert where in message


def test_a_file_that_is_missing_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.yaml: No such file"):
        load(tmp_path / "nothing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary.yaml"):
        load(tmp_path / "binary.yaml")


def test_secrets_come_from_their_files_and_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text("host=db password=hidden\n")
    settings = load(written(tmp_path, f"database:\n  dsn_file: {tmp_path}/dsn\n"))
    assert settings.database.dsn == "host=db password=hidden"
    assert "hidden" not in repr(settings)


def test_a_secret_file_that_is_missing_names_the_key(tmp_path: Path) -> None:
    file = written(tmp_path, "redis:\n  url_file: /nowhere/url\n")
    with pytest.raises(ConfigError, match=r":2: redis\.url_file: /nowhere/url: No such file"):
        load(file)


def test_a_wrong_value_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(written(tmp_path, "database:\n  dsn: {password: hidden}\n"))
    assert "hidden" not in str(raised.value)


def test_a_wrong_dsn_in_its_file_names_the_file_key_and_not_the_dsn(tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text("hidden\n")
    with pytest.raises(ConfigError, match=r":2: database\.dsn_file: must be as PostgreSQL wants it") as raised:
        load(written(tmp_path, f"database:\n  dsn_file: {tmp_path}/dsn\n"))
    assert "hidden" not in str(raised.value)


def test_a_key_with_a_passphrase_is_not_asked_for_at_the_terminal(tmp_path: Path) -> None:
    make_certificate(tmp_path / "cert.pem", tmp_path / "plain.pem")
    locked = ["openssl", "pkey", "-aes128", "-passout", "pass:secret", "-in", tmp_path / "plain.pem", "-out", tmp_path / "key.pem"]
    subprocess.run(locked, check=True, capture_output=True)
    file = written(tmp_path, f"tls:\n  certificate: {tmp_path}/cert.pem\n  key: {tmp_path}/key.pem\n")
    done = subprocess.run([sys.executable, "imapd.py", "check-config", "--config", file], cwd=CHECKOUT, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)
    assert (done.returncode, done.stderr.count("\n")) == (78, 1), done.stderr
    assert ":2: tls.certificate: does not work with tls.key" in done.stderr


def test_a_certificate_and_a_key_that_do_not_fit(tmp_path: Path) -> None:
    for name in ("one", "other"):
        make_certificate(tmp_path / f"{name}.pem", tmp_path / f"{name}key.pem")
    text = "tls:\n  certificate: {0}/one.pem\n  key: {0}/{1}key.pem\n"
    load(written(tmp_path, text.format(tmp_path, "one")), serving=True)
    with pytest.raises(ConfigError, match=r":2: tls\.certificate: does not work with tls\.key: key values mismatch"):
        load(written(tmp_path, text.format(tmp_path, "other")), serving=True)
    (tmp_path / "one.pem").write_text("nonsense")
    with pytest.raises(ConfigError, match=r":2: tls\.certificate: does not work"):
        load(written(tmp_path, text.format(tmp_path, "one")), serving=True)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("tls:\n  certificate: /nowhere/cert\n", r":2: tls\.certificate: /nowhere/cert: No such file"),
        ("tls:\n  certificate: null\n", r":2: tls\.certificate: certificate and key go together"),
        ("server:\n  tls_port: 993\ntls: {certificate: null, key: null}\n", r":2: server\.tls_port: needs tls\."),
        ("redis:\n  url: foo://127.0.0.1\n", r":2: redis\.url: must be like 'redis://127\.0\.0\.1:6379/0'"),
        ("redis:\n  url: redis://127.0.0.1:port/0\n", r":2: redis\.url: must be like"),
        ("redis:\n  url: redis://a..example/0\n", r":2: redis\.url: must be like"),
        ("redis:\n  url: redis://localhost/0?nonsense=1\n", r":2: redis\.url: must be like"),
        ("quota:\n  message_template: /nowhere/text\n", r":2: quota\.message_template: /nowhere/text: No such file"),
        ("server:\n  port: null\n  tls_port: null\ntls: {certificate: null, key: null}\n", r":2: server\.port: .*null"),
    ],
)
def test_to_serve_more_must_be_right(tmp_path: Path, text: str, where: str) -> None:
    file = written(tmp_path, text)
    load(file)
    with pytest.raises(ConfigError, match=where):
        load(file, serving=True)
