# SPDX-License-Identifier: MIT
"""Who else may do what in a mailbox, as its owner and whoever administers it see and change it (RFC 4314).

What the rights then allow is checked where each deed is done, in mail/account.py and mail/mailbox.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imapd import errors
from imapd.mail import rights
from imapd.storage import access, addresses
from imapd.storage.access import Known

if TYPE_CHECKING:
    from imapd.mail.account import Account, Place

GROUP = re.compile(rf"(?:group:|\$)({addresses.GROUP_NAME.pattern})")

# One text for who does not exist, is of another organisation, or may not be shared with: none of it is told apart.
NOBODY = "There is nobody of that name whom this can be shared with."


def entries(account: Account, name: str) -> list[tuple[str, str]]:
    """Identifiers and their rights, the owner first. In a merged mailbox: what they hold in any part of it."""
    place = account.need(account.find(name), rights.ADMINISTER)
    address, owner = access.owner(account.database, account.organization_id, place.folders[0].mailbox_id)
    found = {address: rights.ALL} if owner else {}
    ids = [folder.folder_id for folder in place.folders]
    for entry in access.entries(account.database, account.organization_id, ids):
        found[entry.identifier] = rights.union(found.get(entry.identifier, ""), entry.rights)
    return list(found.items())


def change(account: Account, name: str, identifier: str, op: str, letters: str) -> None:
    """Sets ('='), adds ('+') or takes ('-') rights. Raises errors.Cannot where the identifier can hold none here."""
    place = account.need(account.find(name), rights.ADMINISTER)
    known, is_owner = _known(account, place, identifier)
    if is_owner:
        if (op == "-" and letters) or (op == "=" and letters != rights.ALL):
            raise errors.Cannot("The owner of a mailbox has every right there.")
        return
    taking = op == "-" or not letters
    folders = [folder for folder in place.folders if taking or folder.mailbox_id in known.mailbox_ids]
    if not folders:
        raise errors.Cannot(NOBODY)
    access.change(
        account.database, account.organization_id, [folder.folder_id for folder in folders], known.grantee, op, letters,
        by_user=account.user_id, address=account.address, folder=place.name, identifier=identifier,
    )  # fmt: skip
    account.access_changed()


def grantable(account: Account, name: str, identifier: str) -> tuple[str, list[str]]:
    """What an identifier always holds in a mailbox, and what it can be given besides, each right by itself."""
    place = account.need(account.find(name), rights.ADMINISTER)
    known, is_owner = _known(account, place, identifier)
    if is_owner:
        return rights.ALL, []
    if not known.mailbox_ids:
        raise errors.Cannot(NOBODY)
    return "", list(rights.ALL)


def _known(account: Account, place: Place, identifier: str) -> tuple[Known, bool]:
    """Who is meant, and whether that is the owner."""
    database, organization_id = account.database, account.organization_id
    boxes = [folder.mailbox_id for folder in place.folders]
    name = identifier.lower()
    if name.startswith("-"):
        raise errors.Cannot("Rights can be given and taken, but not denied.")
    if name == access.ANYONE:
        return access.known_anyone(database, organization_id, boxes), False
    group = GROUP.fullmatch(name)
    if group:
        known = access.known_group(database, organization_id, group[1], boxes)
    else:
        known = _known_user(account, boxes, name)
    if known is None:
        raise errors.Cannot(NOBODY)
    owner = f"u{account.user_id}" if not place.shared else access.owner(database, organization_id, boxes[0])[1]
    return known, known.grantee == owner


def _known_user(account: Account, boxes: list[int], name: str) -> Known | None:
    try:
        of = addresses.address(name)
    except errors.Cannot:
        return None
    return access.known_user(account.database, account.organization_id, of, boxes)
