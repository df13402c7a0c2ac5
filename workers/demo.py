# SPDX-License-Identifier: MIT
"""The demo: a server on loopback with users, mail and services of its own in one directory, started and stopped as one.

What is served, and how, is the server's own: this only prepares its surroundings and runs `imapd.py serve`.
"""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from imapd.configuration import load
from imapd.storage.pool import Database
from imapd.storage.schema import migrate
from workers import demo_accounts
from workers.certificate import make_certificate
from workers.embedded import Embedded
from workers.programs import ProgramError, bound_to_parent, end
from workers.types import TYPES

ROOT = Path(__file__).resolve().parent.parent
DRAIN_SECONDS = 5
READY_SECONDS = 60
PATIENT_SECONDS = 8
WIDE = 100_000  # connections
POSTGRES_CONNECTIONS = 150  # of the 200 that the embedded one takes


@dataclass(frozen=True)
class Ports:
    imap: int
    imaps: int
    lmtp: int
    http: int

    def served(self) -> dict[str, int]:
        """Those that this version listens on, by the option that moves them."""
        kinds = {kind.name for kind in TYPES}
        return {f"--{name}-port": port for name, port in asdict(self).items() if name != "lmtp" or "lmtp" in kinds}


class Demo:
    """One demo. `run()` returns an exit code when it was stopped, or when the server ended by itself."""

    def __init__(
        self, data: str | None, ports: Ports, users: int, workers: int | None, say: Callable[[str], None] = print
    ):
        self.data = Path(data or ROOT / "var" / "demo").resolve()
        self._ports = ports
        self._users = users
        self._workers = workers or len(os.sched_getaffinity(0))
        self._say = say
        self._embedded = Embedded(self.data, say)
        self._config = self.data / "imapd.yaml"
        self._log = self.data / "imapd.log"
        self._stop_asked = 0

    def run(self) -> int:
        """Raises ProgramError, ConfigError, MailError, SchemaError where it cannot start; nothing is left running."""
        self._refuse_busy_ports()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        self._say(f"Demo in {self.data}")
        self._remove_unfinished()
        server = None
        try:
            self._embedded.start()
            self._prepare()
            if self._stop_asked:
                return 0
            server, notices = self._start_server()
            with notices:
                if not self._wait_until_ready(server, notices):
                    return self._ended(server)
            self._say(self._how_to_connect())
            self._watch(server)
            return self._ended(server)
        finally:
            self._stop(server)

    # Before

    def _refuse_busy_ports(self) -> None:
        for option, port in self._ports.served().items():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                    probe.listen(1)
                except OSError as error:
                    raise ProgramError(f"port {port}: {error.strerror}. Choose another one with {option}.") from None

    def _remove_unfinished(self) -> None:
        """A first run that was killed half-way is begun again: nobody has put anything there yet."""
        mark = self.data / "unfinished"
        if mark.exists():
            for name in ("postgres", "blobs"):
                shutil.rmtree(self.data / name, ignore_errors=True)
        elif not (self.data / "postgres").exists():
            self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            mark.touch()

    def _prepare(self) -> None:
        tls = self.data / "tls"
        if not (tls / "key.pem").exists():
            self._say("Making a self-signed certificate …")
            make_certificate(tls / "certificate.pem", tls / "key.pem")
        self._write_config()
        migrate(self._embedded.dsn, say=self._say)
        database = Database(self._embedded.dsn, 2, application_name="imapd demo", statement_timeout_seconds=600)
        try:
            mark = self.data / "unfinished"
            if mark.exists():
                self._say("Making users and mail …")
                demo_accounts.furnish(database, load(self._config))
                mark.unlink()
            if self._users:
                began = time.monotonic()
                demo_accounts.add_users(database, self._users)
                self._say(f"Users user1 to user{self._users}@example.com: {time.monotonic() - began:.1f} s")
        finally:
            database.close()

    def _write_config(self) -> None:
        values: dict[str, Any] = {
            "server": {
                "host": "127.0.0.1", "port": self._ports.imap, "tls_port": self._ports.imaps, "workers": self._workers,
                "max_connections": WIDE, "max_connections_per_ip": WIDE, "max_not_authenticated": WIDE,
                "drain_seconds": DRAIN_SECONDS, "runtime_directory": str(self.data / "runtime"),
            },
            "tls": {"certificate": str(self.data / "tls/certificate.pem"), "key": str(self.data / "tls/key.pem")},
            "database": {
                "dsn": self._embedded.dsn, "pool_size": max(2, min(10, POSTGRES_CONNECTIONS // self._workers)),
            },
            "redis": {"url": self._embedded.redis_url},
            "blobs": {"path": str(self.data / "blobs")},
            "auth": {"cleartext": "loopback", "penalty_exempt": ["127.0.0.0/8", "::1"]},
            "http": {"host": "127.0.0.1", "port": self._ports.http},
            "log": {"format": "text"},
        }  # fmt: skip
        if "--lmtp-port" in self._ports.served():
            values["lmtp"] = {"host": "127.0.0.1", "port": self._ports.lmtp}
        for name in ("runtime", "blobs"):
            (self.data / name).mkdir(exist_ok=True, mode=0o700)
        text = yaml.safe_dump(values, sort_keys=False)
        self._config.write_text(f"# Written by every start of the demo. config/imapd.yaml explains the keys.\n{text}")

    # The server

    def _start_server(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        """It tells us when it is ready as it would tell systemd. In its own session, so that Ctrl-C is ours alone."""
        address = self._embedded.sockets / "notify.sock"
        notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notices.bind(str(address))
        command = [sys.executable, str(ROOT / "imapd.py"), "serve", "--config", str(self._config)]
        with self._log.open("ab") as log:
            server = subprocess.Popen(
                bound_to_parent(command, "KILL"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "NOTIFY_SOCKET": str(address)},
            )  # fmt: skip
        return server, notices

    def _wait_until_ready(self, server: subprocess.Popen[bytes], notices: socket.socket) -> bool:
        began = time.monotonic()
        told = False
        while server.poll() is None and not self._stop_asked:
            waited = time.monotonic() - began
            if waited > READY_SECONDS:
                raise ProgramError(f"the server was not ready within {READY_SECONDS} s: see {self._log}")
            if waited > PATIENT_SECONDS and not told:
                self._say(f"The server takes its time; what it says is in {_short(self._log)}")
                told = True
            if select.select([notices], [], [], 0.1)[0] and b"READY=1" in notices.recv(4096).split(b"\n"):
                return True
        return False

    def _watch(self, server: subprocess.Popen[bytes]) -> None:
        """Until somebody stops us, or the server has ended. What dies of the services is started again."""
        while server.poll() is None and not self._stop_asked:
            for name in self._embedded.restart_dead():
                self._say(f"{name} had died and runs again.")
            time.sleep(0.2)

    def _ended(self, server: subprocess.Popen[bytes]) -> int:
        if self._stop_asked:
            return 0
        code = server.wait()
        lines = self._log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
        self._say(f"The server has ended (exit code {code}): {lines[-1]}\nAll of its log: {self._log}")
        return code if code > 0 else 1

    def _asked_to_stop(self, *_: object) -> None:
        self._stop_asked += 1

    def _stop(self, server: subprocess.Popen[bytes] | None) -> None:
        """First the server, which says goodbye to its clients, then what it stands on."""
        if server and server.poll() is None:
            self._say("Stopping …")
            server.terminate()
            deadline = time.monotonic() + DRAIN_SECONDS + 5
            asked = self._stop_asked
            while server.poll() is None and time.monotonic() < deadline and self._stop_asked == asked:
                time.sleep(0.05)
        end(server, signal.SIGTERM)
        self._embedded.stop()
        if server:
            self._say("Stopped.")

    def _how_to_connect(self) -> str:
        ports = self._ports
        lines = [
            "",
            "The server is up. Every password is: password",
            "",
            "  user@example.com     the same user as user@company.org; sees Shared/colleague@example.com/INBOX",
            "  colleague@example.com",
        ]
        if self._users:
            lines.append(f"  user1@example.com … user{self._users}@example.com")
        lines += [
            "",
            f"  IMAP   127.0.0.1:{ports.imap}  (STARTTLS; from this machine also without)",
            f"  IMAPS  127.0.0.1:{ports.imaps}  (self-signed certificate)",
        ]
        if "--lmtp-port" in ports.served():
            lines.append(f"  LMTP   127.0.0.1:{ports.lmtp}")
        lines += [
            f"  HTTP   http://127.0.0.1:{ports.http}/health and /metrics",
            "",
            "Try it:",
            f"  openssl s_client -connect 127.0.0.1:{ports.imaps} -quiet",
            "      A1 LOGIN user@example.com password",
            '      A2 LIST "" "*"',
            f"  curl -k -u user@example.com:password 'imaps://127.0.0.1:{ports.imaps}/INBOX;UID=1'",
            f"  {_short(ROOT / 'imapd.py')} user list --config {_short(self._config)}",
            "",
            f"Log: {_short(self._log)}. Ctrl-C stops everything; the data stays.",
        ]
        return "\n".join(lines)


def _short(path: Path) -> str:
    """As one would type it here."""
    relative = os.path.relpath(path)
    if relative.startswith(".."):
        return str(path)
    return f"./{relative}" if "/" not in relative else relative
