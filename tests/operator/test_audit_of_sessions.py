# SPDX-License-Identifier: MIT
"""What sessions do that somebody may have to account for stands in the audit log: from login to logout."""

from typing import Any

from tests.operator.test_watching import imapd, told
from tests.running.client import Closed
from tests.running.server import Demo, eventually


def events(server: Demo, user: str) -> list[tuple[str, Any]]:
    rows = told(server, "audit", "list", "Example", "--address", user)
    return [(row["event"], row["detail"]) for row in reversed(rows)]


def test_from_login_to_logout(server: Demo) -> None:
    user = server.new_user()
    with server.client(user) as client:
        client.ok("CREATE Work")
        client.ok("RENAME Work Play")
        client.ok("DELETE Play")
        client.ok("LOGOUT")
    found = eventually(lambda: (rows := events(server, user)) and rows[-1][0] == "logout" and rows, 10)
    assert [event for event, _ in found] == ["login", "folder renamed", "folder deleted", "logout"]
    detail = dict(found)
    assert detail["folder renamed"] == {"folder": "Work", "to": "Play"}
    assert detail["folder deleted"] == {"folder": "Play", "messages": 0}
    assert detail["logout"]["session"] == detail["login"]["session"]
    assert 0 <= detail["logout"]["seconds"] <= 60


def test_a_connection_that_is_lost_is_a_logout(server: Demo) -> None:
    user = server.new_user()
    server.client(user).close()
    eventually(lambda: [event for event, _ in events(server, user)] == ["login", "logout"], 10)


def test_all_sessions_of_a_user_are_kicked_by_any_address(server: Demo) -> None:
    with server.client("user@company.org") as one, server.client("user@example.com") as two:
        eventually(lambda: len(told(server, "session", "list", "user@example.com")) == 2, 20)
        ended = told(server, "session", "kick", "user@example.com")
        assert {row["address"] for row in ended} == {"user@company.org", "user@example.com"}
        for client in (one, two):
            eventually(lambda client=client: gone(client), 5)  # type: ignore[misc]
    kicked = told(server, "audit", "list", "Example", "--event", "session kicked", "--count", "2")
    assert {row["detail"]["session"] for row in kicked} == {row["id"] for row in ended}
    eventually(lambda: told(server, "session", "list", "user@company.org") == [], 20)
    assert imapd(server, "session", "kick", "user@example.com").stderr == (
        "imapd: user@example.com has no session; see: imapd session list\n"
    )


def gone(client: Any) -> bool:
    try:
        client.command("NOOP")
    except (Closed, OSError):
        return True
    return False


def test_what_is_no_event_and_no_organisation(server: Demo) -> None:
    assert "'session kicked'" in imapd(server, "audit", "list", "--event", "nothing").stderr
    assert imapd(server, "audit", "list", "Nowhere").stderr.startswith("imapd: There is no organisation")
