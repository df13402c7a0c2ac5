# SPDX-License-Identifier: MIT
"""The servers that are measured, each alone and on loopback: ours as a demo, and Debian's Dovecot."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from tests.running.client import Client
from tests.running.processes import descendants, free_ports, memory_octets
from tests.running.server import Demo

MAIL_UID = 5000


class Target:
    """A server to measure: users 1 to 50 can log in."""

    name = ""
    has_literal_plus = True
    host = "127.0.0.1"
    port = 0

    def user(self, number: int) -> str:
        raise NotImplementedError

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def roots(self) -> list[int]:
        """The processes whose memory, with that of all below them, is the server's."""
        raise NotImplementedError

    def session(self, number: int) -> Client:
        client = Client(self.host, self.port, timeout_seconds=120)
        client.login(self.user(number), "password")
        return client

    def memory_octets(self) -> int:
        pids = {pid for root in self.roots() for pid in (root, *descendants(root))}
        return sum(map(memory_octets, pids))


class Ours(Target):
    name = "imapd"

    def __init__(self, directory: Path):
        self.demo = Demo(directory, users=50, workers=2)
        self.port = self.demo.port

    def user(self, number: int) -> str:
        return f"user{number}@example.com"

    def start(self) -> None:
        self.demo.start()

    def stop(self) -> None:
        self.demo.stop()

    def roots(self) -> list[int]:
        """With PostgreSQL and Redis: they are part of the bill."""
        assert self.demo.process
        return [self.demo.process.pid]


DOVECOT = """
base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
first_valid_uid = 500
mail_uid = {uid}
mail_gid = {uid}
mail_home = {directory}/mail/%n
mail_location = sdbox:~/sdbox
mail_max_userip_connections = 100000
default_client_limit = 20000
passdb {{
  driver = static
  args = password=password
}}
userdb {{
  driver = static
  args = uid={uid} gid={uid} home={directory}/mail/%n allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
  process_limit = 3000
}}
service imap {{
  process_limit = 6000
}}
service anvil {{
  client_limit = 30000
}}
service auth {{
  client_limit = 30000
}}
service stats {{
  client_limit = 30000
}}
"""


class Dovecot(Target):
    name = "Dovecot"

    def __init__(self, directory: Path):
        self.directory = directory
        (self.port,) = free_ports(1)

    @staticmethod
    def missing() -> str:
        """What keeps it from being measured here; empty: nothing."""
        if not shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
            return "there is no Dovecot here: apt install dovecot-imapd"
        return "" if os.geteuid() == 0 else "Dovecot is measured as root only"

    def user(self, number: int) -> str:
        return f"user{number}"

    def start(self) -> None:
        (self.directory / "mail").mkdir(parents=True)
        for path in (self.directory, *self.directory.parents):
            if path.stat().st_uid == 0 and str(path).startswith("/tmp/"):
                path.chmod(0o755)
        os.chown(self.directory / "mail", MAIL_UID, MAIL_UID)
        configuration = self.directory / "dovecot.conf"
        configuration.write_text(DOVECOT.format(directory=self.directory, port=self.port, uid=MAIL_UID))
        # It goes into the background with whatever it was given for output, so that must be no pipe.
        with (self.directory / "said").open("wb") as said:
            subprocess.run(["/usr/sbin/dovecot", "-c", str(configuration)], check=True, stdout=said, stderr=said)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                Client(self.host, self.port).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError((self.directory / "log").read_text()[-2000:])

    def roots(self) -> list[int]:
        return [int((self.directory / "run/master.pid").read_text())]

    def stop(self) -> None:
        for pid in self.roots():
            os.kill(pid, 15)
        deadline = time.monotonic() + 20
        while (self.directory / "run/master.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
