# SPDX-License-Identifier: MIT
"""The example dialogues of the RFCs: in which sections they are, how many, and which of them are none of this server's.

A section has examples by the RFC's own numbers where it gives some, else counted from 1; "" is the only one of its section.
"""

EXAMPLES: dict[int, dict[str, str]] = {
    2177: {"3": ""},
    2342: {"5": "1-9"},
    2971: {"3.1": "", "3.2": ""},
    3348: {"3": ""},
    3502: {"6.3.11": ""},
    3691: {"2": ""},
    4315: {"2.1": "", "3": ""},
    4731: {"3.1": "1-5", "3.2": ""},
    4978: {"3": "1-2"},
    5032: {"4": ""},
    5161: {"3.1": "1-2"},
    5182: {"2.2": "1-6", "2.3": "7-9", "2.4": "10"},
    5256: {"2.2": "", "3": "SORT, THREAD", "4": "SORT, THREAD"},
    5258: {"3.3": "", "5": "1-11"},
    5267: {"3.3": "", "4.2": "", "4.3": "", "4.3.1": "", "4.3.3": "", "4.3.4": "", "4.3.5": "", "4.4": ""},
    5464: {"4.2": "1-3", "4.2.1": "", "4.2.2": "", "4.3": "1-4", "4.4.1": "1-3", "4.4.2": "1-2"},
    5819: {"3": ""},
    6154: {"5.1": "", "5.2": "1-2", "5.3": "", "5.4": "1-5"},
    6851: {"3.3": ""},
    7162: {
        "3.1.2.1": "", "3.1.2.2": "", "3.1.3": "3-11", "3.1.4.1": "", "3.1.4.2": "13-14", "3.1.5": "15-16", "3.1.7": "",
        "3.1.8": "", "3.1.10": "19-20", "3.1.12": "", "3.2.5": "", "3.2.5.1": "", "3.2.5.2": "1-2", "3.2.6": "1-2",
        "3.2.7": "1-2", "3.2.8": "", "3.2.9": "", "3.2.10.2": "1-4", "6": "1-2",
    },
    7888: {"3": ""},
    7889: {"2": "1-2", "3.1": "", "3.2": ""},
    8440: {"4": "1-2"},
    8474: {"4.1": "", "4.2": "", "4.3": "1-2", "5.3": "1-2", "6": ""},
    8508: {"3.2": "", "3.3": "", "4.2": ""},
    8514: {"4.2": "", "4.3": ""},
    8970: {"3.2": "", "5": "1-3"},
    9051: {
        "6.1.1": "", "6.1.2": "", "6.1.3": "", "6.2.1": "", "6.2.2": "1-4", "6.2.3": "", "6.3.1": "1-2", "6.3.2": "1-2",
        "6.3.3": "", "6.3.4": "", "6.3.5": "1-2", "6.3.6": "1-2", "6.3.7": "", "6.3.8": "", "6.3.9.3": "",
        "6.3.9.7": "1-2", "6.3.9.8": "basic, 1-11", "6.3.10": "1-9", "6.3.11": "", "6.3.12": "1-2", "6.3.13": "",
        "6.4.1": "", "6.4.2": "", "6.4.3": "", "6.4.4": "1-6", "6.4.4.4": "1-10", "6.4.5": "", "6.4.6": "", "6.4.7": "",
        "6.4.8": "", "6.4.9": "1-2", "6.5": "",
        "7.1": "ALREADYEXISTS, AUTHENTICATIONFAILED, AUTHORIZATIONFAILED, CANNOT, CLIENTBUG, CONTACTADMIN, CORRUPTION, "
               "EXPIRED, EXPUNGEISSUED, HASCHILDREN, INUSE, LIMIT, NONEXISTENT, NOPERM, OVERQUOTA, PRIVACYREQUIRED, "
               "SERVERBUG, UNAVAILABLE",
        "7.1.1": "", "7.1.2": "", "7.1.3": "", "7.1.4": "", "7.1.5": "", "7.2.1": "", "7.2.2": "", "7.3.1": "1-2",
        "7.3.2": "", "7.3.3": "", "7.3.4": "1-3", "7.3.5": "", "7.4.1": "", "7.5.1": "", "7.5.2": "", "7.6": "", "8": "",
    },
    9208: {"4.1.1": "", "4.1.2": "", "4.1.3": "", "4.1.4": "", "4.2.1": "", "4.2.2": "1-2", "4.3.1": "1-3"},
    9394: {"3.1": "1-2", "3.3": "1-2", "3.4": ""},
}  # fmt: skip

_ANOTHER_TREE = "another server's namespaces"

NOT_HERE: dict[tuple[int, str], dict[str, str]] = {
    (2342, "5"): dict.fromkeys(("2", "4", "5", "8", "9"), _ANOTHER_TREE),
    (5464, "4.4.2"): dict.fromkeys(("1", "2"), "what others change is not told; a client asks when it wants to know"),
    (6154, "5.4"): dict.fromkeys(("3", "4", "5"), "uses are set by CREATE, not by METADATA"),
    (7162, "3.1.2.2"): {"": "every mailbox has modseqs"},
    (7889, "2"): {"2": "the limit is the same for all mailboxes"},
    (8474, "5.3"): {"2": "every message has a THREADID"},
    (9051, "6.2.2"): {"1": "GSSAPI is not offered", "4": "EXTERNAL is not offered"},
    (9051, "6.3.10"): dict.fromkeys(("2", "4", "5", "8", "9"), _ANOTHER_TREE),
    (9051, "6.5"): {"": "no experimental command is offered"},
    (9051, "7.1"): {
        "CLIENTBUG": "not said: what is no fault is answered without blame",
        "CONTACTADMIN": "not said: it would tell which accounts there are",
        "EXPIRED": "passwords do not expire",
    },
    (9051, "7.1.1"): {"": "alerts tell of quotas, and only after the login"},
    (9051, "7.1.2"): {"": "no warning beside a command: quotas warn by ALERT"},
    (9051, "7.1.4"): {"": "PREAUTH is never said"},
    (9051, "7.3.1"): {"2": "no such extended data"},
}
"""Why there is nothing to show."""


def labels(text: str) -> list[str]:
    """ "1-3, SORT" as 1, 2, 3, SORT; nothing is the one example of its section."""
    found: list[str] = []
    for part in text.split(", "):
        low, _, high = part.partition("-")
        numbers = high.isdigit() and range(int(low), int(high) + 1)
        found += map(str, numbers) if numbers else [part]
    return found
