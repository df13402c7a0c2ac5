# SPDX-License-Identifier: MIT
r"""Every command and the rights it needs: the table of RFC 4314 section 4, and the commands that came after it.

{name} is a mailbox of somebody else with two messages, the first of them \Deleted; {other} a name beside it; {third} has
a right in it, too; {mine} is one's own mailbox; {letter} a message. `needs`: the rights without which the answer is NO. `changes`: with them the owner sees that something happened.
"""

from typing import NamedTuple

LETTER = "Subject: new\r\n\r\nnew\r\n"


class Row(NamedTuple):
    command: str
    needs: str
    changes: bool = True
    above: str = ""  # the rights it needs in the mailbox right above


# On a mailbox by its name.
NAMED = [
    Row('CREATE "{name}/below"', "k"),
    Row('DELETE "{name}"', "x"),
    Row('RENAME "{name}" "{other}"', "x", above="k"),
    Row('SUBSCRIBE "{name}"', "l", changes=False),
    Row('UNSUBSCRIBE "{name}"', "", changes=False),
    Row('STATUS "{name}" (MESSAGES UIDNEXT)', "r", changes=False),
    Row('SELECT "{name}"', "r", changes=False),
    Row('EXAMINE "{name}"', "r", changes=False),
    Row('LIST "" "{name}"', "", changes=False),
    Row('LSUB "" "{name}"', "", changes=False),
    Row('APPEND "{name}" {letter}', "i"),
    Row('GETACL "{name}"', "a", changes=False),
    Row('SETACL "{name}" {third} lr', "a"),
    Row('DELETEACL "{name}" {third}', "a"),
    Row('LISTRIGHTS "{name}" {third}', "a", changes=False),
    Row('GETQUOTAROOT "{name}"', "r", changes=False),
    Row('SETMETADATA "{name}" (/shared/comment "x")', "lw"),
]

# On the selected mailbox, which took the right to read.
SELECTED = [
    Row("NOOP", "", changes=False),
    Row("CHECK", "", changes=False),
    Row("CLOSE", "", changes=False),
    Row("UNSELECT", "", changes=False),
    Row("FETCH 1:* (FLAGS UID ENVELOPE BODY.PEEK[])", "", changes=False),
    Row("UID FETCH 1:* FLAGS", "", changes=False),
    Row("SEARCH ALL", "", changes=False),
    Row("UID SEARCH RETURN (COUNT) DELETED", "", changes=False),
    Row("SORT (SUBJECT) UTF-8 ALL", "", changes=False),
    Row("THREAD REFERENCES UTF-8 ALL", "", changes=False),
    Row("STORE 2 +FLAGS (\\Seen)", "s"),
    Row("UID STORE 1:* +FLAGS.SILENT (\\Seen)", "s"),
    Row("STORE 2 +FLAGS (\\Deleted)", "t"),
    Row("STORE 1 -FLAGS (\\Deleted)", "t"),
    Row("STORE 2 +FLAGS (\\Flagged)", "w"),
    Row("STORE 2 +FLAGS (\\Answered \\Draft)", "w"),
    Row("STORE 2 +FLAGS (keyword)", "w"),
    Row("EXPUNGE", "e"),
    Row("UID EXPUNGE 1:*", "e"),
    Row("COPY 1:* {mine}", "", changes=False),
    Row("UID COPY 1:* {mine}", "", changes=False),
    Row("MOVE 1 {mine}", "te"),
    Row("UID MOVE 1:* {mine}", "te"),
    Row("REPLACE 2 {mine} {letter}", "te"),
    Row("UID REPLACE 2 {mine} {letter}", "te"),
]

# With one of one's own mailboxes selected, which has a message.
INTO = [
    Row('COPY 1 "{name}"', "i"),
    Row('UID COPY 1:* "{name}"', "i"),
    Row('MOVE 1 "{name}"', "i"),
    Row('UID MOVE 1:* "{name}"', "i"),
    Row('REPLACE 1 "{name}" {letter}', "i"),
]
