# SPDX-License-Identifier: MIT
"""A private PostgreSQL and Redis below one directory, on Unix sockets only, for the demo and the tests.

They end when the thread that started them ends, even by kill -9. Nothing here reads or writes a table.
"""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from workers.programs import (
    NOBODY,
    ProgramError,
    bound_to_parent,
    end,
    find_postgres,
    find_redis,
    is_listened_on,
)

LOCK_SECONDS = 10.0
LONGEST_SOCKET_PATH = 100  # sun_path holds 108 octets, its NUL included
# libpq splits a host at commas, and quotes in a DSN are nobody's friends: such a path goes the way of a long one.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+-]*")

POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "cluster_name": "imapd-embedded",
}


class Embedded:
    """The two services of one data directory. `start()`, then `dsn` and `redis_url`, then `stop()`; or `with`."""

    def __init__(self, data_dir: str | os.PathLike[str], say: Callable[[str], None] = lambda line: None):
        self.data = Path(data_dir).resolve()
        self.postgres: subprocess.Popen[bytes] | None = None
        self.redis: subprocess.Popen[bytes] | None = None
        self.sockets = self.data / "run"
        self._say = say
        self._lock: IO[str] | None = None
        self._binaries: Path | None = None

    @property
    def dsn(self) -> str:
        return f"host={self.sockets} user=imapd dbname=imapd"

    @property
    def redis_url(self) -> str:
        return f"unix://{self.sockets}/redis.sock"

    def __enter__(self) -> "Embedded":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> "Embedded":
        """Both services run and answer when this returns. Raises ProgramError."""
        try:
            self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._take_lock()
            self._make_socket_directory()
            self.start_postgres()
            self.start_redis()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ends both, Redis first. Safe to call twice, and when one of them is already dead."""
        end(self.redis, signal.SIGTERM)
        # SIGINT is PostgreSQL's fast shutdown: it ends sessions and writes a checkpoint.
        end(self.postgres, signal.SIGINT)
        self.redis = self.postgres = None
        if self._lock:
            self._remove_socket_directory()
            self._lock.close()
            self._lock = None

    def restart_dead(self) -> list[str]:
        """Starts again what has died, and names it."""
        dead = []
        if self.postgres and self.postgres.poll() is not None:
            dead.append("PostgreSQL")
            self.start_postgres()
        if self.redis and self.redis.poll() is not None:
            dead.append("Redis")
            self.start_redis()
        return dead

    # PostgreSQL

    def start_postgres(self) -> None:
        """Makes the cluster on the first run, then starts it and waits until it takes connections."""
        cluster = self.data / "postgres"
        if not (cluster / "PG_VERSION").exists():
            self._make_cluster(cluster)
        binaries = self._binaries = self._binaries or find_postgres(cluster)
        settings = [f"--{name}={value}" for name, value in POSTGRES_SETTINGS.items()]
        if self._postgres_knows_lz4(binaries, cluster):
            settings.append("--default_toast_compression=lz4")
        command = [str(binaries / "postgres"), "-D", str(cluster), "-k", str(self.sockets), *settings]
        log = self.data / "postgresql.log"
        deadline = time.monotonic() + 60
        while True:
            self.postgres = self._spawn(command, log, "INT", unprivileged=True)
            if self._postgres_is_ready(cluster, deadline):
                return
            # After a kill -9 the old backends need a moment to notice that their postmaster is gone.
            passing = b"still in use" in _end_of(log) or b"lock file" in _end_of(log)
            if time.monotonic() > deadline or not passing:
                raise ProgramError(f"PostgreSQL did not start: {_last_line(log)} (all of it: {log})")
            time.sleep(0.5)

    def _make_cluster(self, cluster: Path) -> None:
        """A half-made cluster never gets the final name, so an interrupted first run does no harm."""
        binaries = self._binaries = find_postgres(None)
        self._say(f"Making a PostgreSQL cluster in {cluster} …")
        making = self.data / "postgres.new"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(making, NOBODY, NOBODY)
        log = self.data / "initdb.log"
        options = ["-U", "imapd", "-A", "trust", "-E", "UTF8", "--no-locale"]
        self._run([str(binaries / "initdb"), "-D", str(making), *options], log)
        create = b"CREATE DATABASE imapd;\n"
        self._run([str(binaries / "postgres"), "--single", "-D", str(making), "postgres"], log, create)
        making.rename(cluster)

    def _postgres_knows_lz4(self, binaries: Path, cluster: Path) -> bool:
        """Whether this build has it: a setting that it does not know would keep it from starting."""
        name = "default_toast_compression"
        command = [str(binaries / "postgres"), "-C", name, f"--{name}=lz4", "-D", str(cluster)]
        bound = bound_to_parent(command, "KILL", unprivileged=True)
        return subprocess.run(bound, capture_output=True, cwd="/").returncode == 0

    def _postgres_is_ready(self, cluster: Path, deadline: float) -> bool:
        """The eighth line of postmaster.pid says when connections are taken; False if it ended before."""
        assert self.postgres
        while self.postgres.poll() is None and time.monotonic() < deadline:
            try:
                lines = (cluster / "postmaster.pid").read_text().split("\n")
            except OSError:
                lines = []
            if len(lines) > 7 and lines[0] == str(self.postgres.pid) and lines[7].strip() == "ready":
                return True
            time.sleep(0.02)
        return False

    # Redis

    def start_redis(self) -> None:
        """It keeps nothing on disk: what lies in Redis may be lost at any time."""
        socket = self.sockets / "redis.sock"
        socket.unlink(missing_ok=True)
        directory = self.data / "redis"
        directory.mkdir(exist_ok=True, mode=0o700)
        command = [
            str(find_redis()), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700",
            "--dir", str(directory), "--save", "", "--appendonly", "no", "--daemonize", "no",
        ]  # fmt: skip
        log = self.data / "redis.log"
        self.redis = self._spawn(command, log, "TERM")
        deadline = time.monotonic() + 20
        while not is_listened_on(socket):
            if self.redis.poll() is not None or time.monotonic() > deadline:
                raise ProgramError(f"Redis did not start: {_last_line(log)} (all of it: {log})")
            time.sleep(0.01)

    # The data directory

    def _take_lock(self) -> None:
        self._lock = (self.data / "lock").open("a+")
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    self._lock.close()
                    self._lock = None
                    text = f"another process is using {self.data}: stop it, or give another directory"
                    raise ProgramError(text) from None
                time.sleep(0.1)

    def _make_socket_directory(self) -> None:
        """data/run, or where that path is too long for a socket a link to a private directory under /tmp."""
        run = self.data / "run"
        self._remove_socket_directory()
        if len(f"{run}/.s.PGSQL.5432.lock") <= LONGEST_SOCKET_PATH and PLAIN_PATH.fullmatch(str(run)):
            run.mkdir(mode=0o700)
            self.sockets = run
        else:
            self.sockets = Path(tempfile.mkdtemp(prefix="imapd-", dir="/tmp"))
            run.symlink_to(self.sockets)
        if os.geteuid() == 0:
            os.chown(self.sockets, NOBODY, NOBODY)

    def _remove_socket_directory(self) -> None:
        run = self.data / "run"
        shutil.rmtree(run.resolve(), ignore_errors=True)
        if run.is_symlink():
            run.unlink()

    # Processes

    def _spawn(
        self, command: list[str], log: Path, when_parent_dies: str, unprivileged: bool = False
    ) -> subprocess.Popen[bytes]:
        """In a session of its own: Ctrl-C in the terminal is for the one who started us, who then stops it in order."""
        with log.open("ab") as output:
            return subprocess.Popen(
                bound_to_parent(command, when_parent_dies, unprivileged=unprivileged),
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", start_new_session=True,
            )  # fmt: skip

    def _run(self, command: list[str], log: Path, text: bytes = b"") -> None:
        with log.open("wb") as output:
            done = subprocess.run(
                bound_to_parent(command, "KILL", unprivileged=True), input=text, stdout=output, stderr=output, cwd="/"
            )
        if done.returncode:
            hint = ""
            if os.geteuid() == 0:
                hint = f"; as root it runs as uid {NOBODY}, which must be able to enter the directory"
            raise ProgramError(f"{Path(command[0]).name} failed: {_last_line(log)} (all of it: {log}){hint}")


def _end_of(log: Path) -> bytes:
    return log.read_bytes()[-2000:] if log.exists() else b""


def _last_line(log: Path) -> str:
    """The last line that names an error, else the last one."""
    lines = [line for line in _end_of(log).decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if re.search("FATAL|error:|PANIC|denied|Can't|not ", line)]
    return (telling or lines or ["it said nothing"])[-1].strip()
