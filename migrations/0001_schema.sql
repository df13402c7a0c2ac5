-- Tables. Every table that one session touches leads its primary key with organization_id, so that the schema can be
-- distributed, partitioned or guarded by it. organizations and domains are small and looked up before the organisation
-- is known: they would be reference tables.

CREATE TABLE organizations (
    organization_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL UNIQUE,
    disabled        boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE domains (
    domain_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id bigint NOT NULL REFERENCES organizations,
    name            text NOT NULL UNIQUE CHECK (name = lower(name)),
    disabled        boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now()
);

-- A person. password_version rises with every change of password or state, so that a cached verification can be refused.
CREATE TABLE users (
    organization_id    bigint NOT NULL REFERENCES organizations,
    user_id            bigint GENERATED ALWAYS AS IDENTITY,
    display_name       text NOT NULL DEFAULT '',
    password_hash      text,
    password_version   bigint NOT NULL DEFAULT 1,
    namespace_mode     text CHECK (namespace_mode IN ('domain_separated', 'unified')),
    primary_mailbox_id bigint,
    disabled           boolean NOT NULL DEFAULT false,
    created_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, user_id)
);

-- An address that holds mail. user_id is null where nobody owns it (support@ …).
CREATE TABLE mailboxes (
    organization_id bigint NOT NULL,
    mailbox_id      bigint GENERATED ALWAYS AS IDENTITY,
    domain_id       bigint NOT NULL REFERENCES domains,
    user_id         bigint,
    local_part      text NOT NULL CHECK (local_part = lower(local_part)),
    disabled        boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, mailbox_id),
    UNIQUE (organization_id, domain_id, local_part),
    FOREIGN KEY (organization_id, user_id) REFERENCES users
);
CREATE INDEX mailboxes_of_user ON mailboxes (organization_id, user_id);

-- A further address of a mailbox.
CREATE TABLE aliases (
    organization_id bigint NOT NULL,
    domain_id       bigint NOT NULL REFERENCES domains,
    local_part      text NOT NULL CHECK (local_part = lower(local_part)),
    mailbox_id      bigint NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, domain_id, local_part),
    FOREIGN KEY (organization_id, mailbox_id) REFERENCES mailboxes ON DELETE CASCADE
);

-- The UID space that the same-named folders of one owner share. owner is 'u<user_id>', or 'm<mailbox_id>' where a mailbox
-- has no user. Its row lock puts every change of the group in order. The row outlives its last folder, so that a name that
-- comes back never gets a smaller UIDVALIDITY.
CREATE SEQUENCE uid_validities AS bigint;
SELECT setval('uid_validities', extract(epoch FROM now())::bigint);

CREATE TABLE folder_groups (
    organization_id bigint NOT NULL,
    group_id        bigint GENERATED ALWAYS AS IDENTITY,
    owner           text NOT NULL,
    name            text NOT NULL,
    uid_validity    bigint NOT NULL,
    uid_next        bigint NOT NULL DEFAULT 1,
    modseq          bigint NOT NULL DEFAULT 1,
    changes_floor   bigint NOT NULL DEFAULT 1,      -- changes at or below it have been pruned
    keywords        text[] NOT NULL DEFAULT '{}',   -- every keyword ever set here, in its first spelling
    PRIMARY KEY (organization_id, group_id),
    UNIQUE (organization_id, owner, name)
) WITH (fillfactor = 50);

-- One IMAP folder of one mailbox, with its counters. They change in the transaction that changes the messages.
CREATE TABLE folders (
    organization_id bigint NOT NULL,
    folder_id       bigint GENERATED ALWAYS AS IDENTITY,
    mailbox_id      bigint NOT NULL,
    group_id        bigint NOT NULL,
    name            text NOT NULL,                  -- whole path inside the mailbox: 'INBOX', 'Work/2024'
    special_use     text,                           -- '\Sent' …
    messages        bigint NOT NULL DEFAULT 0,
    unseen          bigint NOT NULL DEFAULT 0,
    deleted         bigint NOT NULL DEFAULT 0,
    size            bigint NOT NULL DEFAULT 0,
    deleted_size    bigint NOT NULL DEFAULT 0,
    recent_uid      bigint NOT NULL DEFAULT 1,      -- from this UID on no session has been told \Recent
    recent          bigint NOT NULL DEFAULT 0,      -- so many messages are there
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, folder_id),
    UNIQUE (organization_id, mailbox_id, name),
    FOREIGN KEY (organization_id, mailbox_id) REFERENCES mailboxes,
    FOREIGN KEY (organization_id, group_id) REFERENCES folder_groups
) WITH (fillfactor = 50);
CREATE INDEX folders_of_group ON folders (organization_id, group_id);

-- A distinct body within an organisation, parsed once, when it arrived. The octets lie in the blob store under sha256.
CREATE TABLE contents (
    organization_id bigint NOT NULL,
    content_id      bigint GENERATED ALWAYS AS IDENTITY,
    sha256          bytea NOT NULL,
    size            bigint NOT NULL,
    envelope        bytea NOT NULL,                 -- rendered as RFC 3501 envelope
    body            bytea NOT NULL,                 -- rendered body, without extension data
    body_structure  bytea NOT NULL,                 -- rendered body, with extension data
    parts           bytea NOT NULL,                 -- offsets of the MIME parts (imapd.mail.mime.parts)
    header          bytea NOT NULL,                 -- the header block with its empty line, cut at 256 KiB
    header_size     bigint NOT NULL,
    message_id      text NOT NULL DEFAULT '',
    refs            text NOT NULL DEFAULT '',       -- message ids of References, else In-Reply-To, space-separated
    thread_id       bigint,
    sent_at         bigint,                         -- Date: in seconds since 1970 UTC; null where it cannot be read
    sent_zone       smallint NOT NULL DEFAULT 0,    -- minutes east of UTC
    base_subject    text NOT NULL DEFAULT '',       -- RFC 5256 section 2.1, case-folded
    sort_from       text NOT NULL DEFAULT '',       -- addr-mailbox of the first address, case-folded
    sort_to         text NOT NULL DEFAULT '',
    sort_cc         text NOT NULL DEFAULT '',
    display_from    text NOT NULL DEFAULT '',       -- RFC 5957
    display_to      text NOT NULL DEFAULT '',
    subject         text NOT NULL DEFAULT '',       -- decoded and case-folded, for SEARCH; so the next six
    from_text       text NOT NULL DEFAULT '',
    to_text         text NOT NULL DEFAULT '',
    cc_text         text NOT NULL DEFAULT '',
    bcc_text        text NOT NULL DEFAULT '',
    header_text     text NOT NULL DEFAULT '',       -- '\nname: value\nname: value\n'
    body_text       text NOT NULL DEFAULT '',       -- text and message parts
    preview         text NOT NULL DEFAULT '',       -- RFC 8970, at most 200 characters
    parsed_by       smallint NOT NULL DEFAULT 1,    -- version of the parser
    last_used_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, content_id),
    UNIQUE (organization_id, sha256)
) WITH (toast_tuple_target = 512);
-- What FETCH asks of whole mailboxes stays in the row; texts that only SEARCH looks at are kept apart.
ALTER TABLE contents
    ALTER COLUMN envelope SET STORAGE MAIN,
    ALTER COLUMN body_structure SET STORAGE MAIN,
    ALTER COLUMN header SET STORAGE MAIN;

-- A message of a folder: thin, so that a flag change stays a HOT update. flags: 1 \Answered 2 \Flagged 4 \Deleted 8 \Seen 16 \Draft.
CREATE TABLE messages (
    organization_id bigint NOT NULL,
    group_id        bigint NOT NULL,
    uid             bigint NOT NULL,
    folder_id       bigint NOT NULL,
    modseq          bigint NOT NULL,
    content_id      bigint NOT NULL,
    size            bigint NOT NULL,
    internal_date   bigint NOT NULL,                -- seconds since 1970 UTC
    internal_zone   smallint NOT NULL,              -- minutes east of UTC
    flags           integer NOT NULL,
    keywords        text[] NOT NULL DEFAULT '{}',
    saved_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, group_id, uid)
) WITH (fillfactor = 50);

-- One row per command that changed a group. sets of UIDs; what a row says stays true for ever.
CREATE TABLE changes (
    organization_id bigint NOT NULL,
    group_id        bigint NOT NULL,
    modseq          bigint NOT NULL,
    changed_at      timestamptz NOT NULL DEFAULT now(),
    added           int8multirange NOT NULL DEFAULT '{}',
    flagged         int8multirange NOT NULL DEFAULT '{}',
    expunged        int8multirange NOT NULL DEFAULT '{}',
    PRIMARY KEY (organization_id, group_id, modseq)
);

-- Who may do what in a mailbox (folder_id 0) or in one folder of it. rights: letters of RFC 4314.
CREATE TABLE shared_mailbox_access (
    organization_id bigint NOT NULL,
    mailbox_id      bigint NOT NULL,
    folder_id       bigint NOT NULL DEFAULT 0,
    grantee         text NOT NULL,                  -- 'u<user_id>', 'g<group name>' or 'anyone'
    rights          text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, mailbox_id, folder_id, grantee),
    FOREIGN KEY (organization_id, mailbox_id) REFERENCES mailboxes ON DELETE CASCADE
);
CREATE INDEX access_of_grantee ON shared_mailbox_access (organization_id, grantee);

-- Limits and usage of a mailbox. Usage changes in the transaction that changes the messages. Null: unlimited.
CREATE TABLE quotas (
    organization_id bigint NOT NULL,
    mailbox_id      bigint NOT NULL,
    storage_limit   bigint,                         -- octets
    message_limit   bigint,
    storage_used    bigint NOT NULL DEFAULT 0,
    messages_used   bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (organization_id, mailbox_id),
    FOREIGN KEY (organization_id, mailbox_id) REFERENCES mailboxes ON DELETE CASCADE
) WITH (fillfactor = 50);

CREATE TABLE subscriptions (
    organization_id bigint NOT NULL,
    user_id         bigint NOT NULL,
    name            text NOT NULL,                  -- as the user sees it
    PRIMARY KEY (organization_id, user_id, name)
);

CREATE TABLE audit_log (
    organization_id bigint NOT NULL DEFAULT 0,
    audit_id        bigint GENERATED ALWAYS AS IDENTITY,
    at              timestamptz NOT NULL DEFAULT now(),
    event           text NOT NULL,
    outcome         text NOT NULL,
    user_id         bigint,
    address         text,
    remote_ip       text,
    detail          jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (organization_id, audit_id)
);
CREATE INDEX audit_log_by_time ON audit_log (organization_id, at);
