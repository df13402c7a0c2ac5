# SPDX-License-Identifier: MIT
"""Programs that read and sort on the server: neomutt, curl and imapfilter."""

import re
from pathlib import Path

from tests.clients.conftest import Box, message
from tests.clients.programs import run, run_in_terminal

NEOMUTT = """
set imap_user = "{user}"
set imap_pass = "{password}"
set folder = "imap://{host}:{port}/"
set spool_file = "+INBOX"
set ssl_starttls = no
set ssl_force_tls = no
set wait_key = no
set confirm_append = no
set delete = yes
set move = no
set quit = yes
set mail_check = 0
set timeout = 1
set sort = date
set index_format = "<%s>"
set resolve = no
set pager_index_lines = 0
"""


def test_neomutt_lists_reads_moves_and_deletes(box: Box, tmp_path: Path) -> None:
    (tmp_path / "neomuttrc").write_text(NEOMUTT.format(**vars(box)))
    # Pipes the first, flags the second, deletes the third, saves the last elsewhere, then synchronises and quits.
    keys = "|cat > read.txt\rjFjd*s=Archive\r$q"
    drawn = run_in_terminal(tmp_path, keys, "neomutt", "-n", "-F", "neomuttrc")
    assert "<letter 1>" in drawn and "<letter 5>" in drawn
    assert "Text of letter 1." in (tmp_path / "read.txt").read_text()
    assert box.subjects() == ["letter 1", "letter 2", "letter 4"]
    assert box.subjects("Archive") == ["letter 5"]
    box.eyes.ok("EXAMINE INBOX")
    assert box.eyes.ok("SEARCH FLAGGED").untagged == [b"SEARCH 2"]


NEOMUTT_QRESYNC = """
set header_cache = "{directory}/cache"
set imap_qresync = yes
set imap_condstore = yes
"""


def test_neomutt_resynchronises(box: Box, tmp_path: Path) -> None:
    """What it kept and what the server tells since give the mailbox as it is: a header that it has is not read again."""
    settings = NEOMUTT.format(**vars(box)) + NEOMUTT_QRESYNC.format(directory=tmp_path)
    (tmp_path / "neomuttrc").write_text(settings)

    def look(name: str, keys: str = "q") -> tuple[str, str]:
        """What it drew, and what it did and said to the server."""
        drawn = run_in_terminal(tmp_path, keys, "neomutt", "-n", "-F", "neomuttrc", "-d", "3", "-l", name)
        return drawn, next(tmp_path.glob(f"{name}?")).read_text(errors="replace")

    def shown(drawn: str) -> list[int]:
        return [number for number in range(1, 9) if f"<letter {number}>" in drawn]

    drawn, said = look("first")
    assert "ENABLE QRESYNC" in said and "Handling ENABLED" in said
    assert shown(drawn) == [1, 2, 3, 4, 5]

    box.eyes.ok("SELECT INBOX")
    box.eyes.ok("UID STORE 2 +FLAGS.SILENT (\\Flagged)")
    box.eyes.append("INBOX", message(6))
    drawn, said = look("second")
    assert re.search(r"UID FETCH 1:5 \(FLAGS\) \(CHANGEDSINCE \d+ VANISHED\)", said)
    assert "Message UID 2 updated" in said and "QRESYNC failed" not in said
    assert re.findall(r"FETCH (\S+) \(UID FLAGS INTERNALDATE", said) == ["6"]
    assert shown(drawn) == [1, 2, 3, 4, 5, 6]

    # It takes VANISHED (EARLIER) for something that moves no numbers, finds that they do not fit, and looks again.
    box.eyes.ok("UID STORE 3,5 +FLAGS.SILENT (\\Deleted)")
    box.eyes.ok("EXPUNGE")
    box.eyes.append("INBOX", message(7))
    box.eyes.ok("UNSELECT")
    drawn, said = look("third")
    assert "Handling VANISHED" in said
    assert shown(drawn) == [1, 2, 4, 6, 7]

    # What it changes itself it knows the next time: the first is deleted, the last is read.
    look("fourth", "1\rd$*\rq" + "q")
    drawn, said = look("fifth")
    assert "QRESYNC failed" not in said and "(UID FLAGS INTERNALDATE" not in said
    assert shown(drawn) == [2, 4, 6, 7]
    assert box.subjects() == [f"letter {number}" for number in (2, 4, 6, 7)]
    box.eyes.ok("EXAMINE INBOX")
    assert box.eyes.ok("UID SEARCH SEEN").untagged == [b"SEARCH 7"]


def test_curl_fetches_by_uid_lists_searches_and_appends(box: Box, tmp_path: Path) -> None:
    account = ("--silent", "--show-error", "--user", f"{box.user}:{box.password}")
    secure = f"imaps://{box.host}:{box.tls_port}"
    plain = f"imap://{box.host}:{box.port}"

    def curl(*arguments: str) -> str:
        return run(tmp_path, "curl", *account, *arguments)

    fetched = curl("--insecure", "--output", "letter", f"{secure}/INBOX;UID=3")
    assert fetched == "" and (tmp_path / "letter").read_bytes() == message(3)
    assert "Subject: letter 2" in curl(f"{plain}/INBOX;UID=2;SECTION=HEADER")
    assert curl("--insecure", "--ssl-reqd", f"{plain}/INBOX;UID=5") != ""
    assert "Archive" in curl("--insecure", secure)
    assert curl("--insecure", f"{secure}/INBOX?SUBJECT%20%22letter%204%22").split() == ["*", "SEARCH", "4"]
    (tmp_path / "sent").write_bytes(message(6))
    curl("--insecure", "--upload-file", "sent", f"{secure}/INBOX")
    assert box.subjects()[-1] == "letter 6"
    assert "\\Seen" in curl(f"{plain}/INBOX", "--request", "FETCH 6 (FLAGS)")


IMAPFILTER = """
options.timeout = 30
options.starttls = false
options.subscribe = true
account = IMAP {{ server = '{host}', port = {port}, username = '{user}', password = '{password}' }}
account:create_mailbox('Sorted')
fours = account.INBOX:contain_subject('letter 4')
fours:move_messages(account.Sorted)
ones = account.INBOX:contain_from('sender1') * account.INBOX:is_unseen()
ones:mark_flagged()
small = account.INBOX:is_smaller(100000) - ones
small:copy_messages(account.Archive)
twos = account.INBOX:contain_subject('letter 2')
twos:delete_messages()
"""


def test_imapfilter_sorts(box: Box, tmp_path: Path) -> None:
    (tmp_path / "config.lua").write_text(IMAPFILTER.format(**vars(box)))
    run(tmp_path, "imapfilter", "-c", "config.lua", "-l", "log")
    assert box.subjects("Sorted") == ["letter 4"]
    assert sorted(box.subjects("Archive")) == ["letter 2", "letter 3", "letter 5"]
    assert box.subjects() == ["letter 1", "letter 3", "letter 5"]
    box.eyes.ok("EXAMINE INBOX")
    assert box.eyes.ok("SEARCH FLAGGED").untagged == [b"SEARCH 1"]
