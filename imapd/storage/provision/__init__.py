# SPDX-License-Identifier: MIT
"""Makes, changes and removes organisations, domains, users, mailboxes and aliases: what an operator may do.

Each verb is one transaction with its line in the audit log. Reading is in storage/directory.py, quotas and shares in
storage/grants.py, what passes to another address or user in storage/passing.py.
"""

from imapd.storage.provision.mailboxes import add_alias as add_alias
from imapd.storage.provision.mailboxes import add_mailbox as add_mailbox
from imapd.storage.provision.mailboxes import let_go as let_go
from imapd.storage.provision.mailboxes import remove_alias as remove_alias
from imapd.storage.provision.mailboxes import remove_mailbox as remove_mailbox
from imapd.storage.provision.mailboxes import set_alias as set_alias
from imapd.storage.provision.mailboxes import set_mailbox as set_mailbox
from imapd.storage.provision.mailboxes import subscribe_by_prefix as subscribe_by_prefix
from imapd.storage.provision.organizations import add_domain as add_domain
from imapd.storage.provision.organizations import add_organization as add_organization
from imapd.storage.provision.organizations import remove_domain as remove_domain
from imapd.storage.provision.organizations import remove_organization as remove_organization
from imapd.storage.provision.organizations import set_domain as set_domain
from imapd.storage.provision.organizations import set_organization as set_organization
from imapd.storage.provision.users import add_user as add_user
from imapd.storage.provision.users import add_users as add_users
from imapd.storage.provision.users import remove_user as remove_user
from imapd.storage.provision.users import set_password as set_password
from imapd.storage.provision.users import set_user as set_user
