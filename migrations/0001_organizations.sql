-- Organisations, their domains, people and mailboxes.
--
-- Every table that one session touches leads its primary key with organization_id, so that the schema can be
-- distributed, partitioned or guarded by it. organizations and domains are small and looked up before the organisation
-- is known: they would be reference tables.

-- Sharing with everybody, and with people who have no mailbox in the domain of the shared one, is off until an
-- organisation wants it. Both are asked when rights are read, so that a change counts at once. Another organisation is
-- never reached.
CREATE TABLE organizations (
    organization_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name                 text NOT NULL UNIQUE,
    disabled             boolean NOT NULL DEFAULT false,
    share_with_anyone    boolean NOT NULL DEFAULT false,
    share_across_domains boolean NOT NULL DEFAULT false,
    created_at           timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE domains (
    domain_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id  bigint NOT NULL REFERENCES organizations,
    name             text NOT NULL UNIQUE CHECK (name = lower(name)),
    disabled         boolean NOT NULL DEFAULT false,
    folders_language text NOT NULL DEFAULT 'en',        -- how the standard folders of new mailboxes are called
    folder_names     jsonb NOT NULL DEFAULT '{}',       -- {"\\Sent": "Outbox"}: goes before the language
    created_at       timestamptz NOT NULL DEFAULT now()
);

-- A person. password_version rises with every change of password or state, so that a cached verification can be
-- refused. namespace_mode is null where it is left to the server; shown_mode: what a session was last shown.
CREATE TABLE users (
    organization_id    bigint NOT NULL REFERENCES organizations,
    user_id            bigint GENERATED ALWAYS AS IDENTITY,
    display_name       text NOT NULL DEFAULT '',
    password_hash      text,
    password_version   bigint NOT NULL DEFAULT 1,
    namespace_mode     text CHECK (namespace_mode IN ('domain_separated', 'unified')),
    shown_mode         text NOT NULL DEFAULT 'domain_separated',
    primary_mailbox_id bigint,
    disabled           boolean NOT NULL DEFAULT false,
    created_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, user_id)
);

-- An address that holds mail. user_id is null where nobody owns it (support@ …). seen: the flag is one for all readers,
-- or each of them has their own (reader_seen). arrival: in this order they came to their domain and user; the first one
-- there has the domain's name as its prefix, so that whoever comes later takes it from nobody.
CREATE SEQUENCE mailbox_arrivals AS bigint;
CREATE TABLE mailboxes (
    organization_id bigint NOT NULL,
    mailbox_id      bigint GENERATED ALWAYS AS IDENTITY,
    domain_id       bigint NOT NULL REFERENCES domains,
    user_id         bigint,
    local_part      text NOT NULL CHECK (local_part = lower(local_part)),
    disabled        boolean NOT NULL DEFAULT false,
    seen            text NOT NULL DEFAULT 'shared' CHECK (seen IN ('shared', 'per_reader')),
    arrival         bigint NOT NULL DEFAULT nextval('mailbox_arrivals'),
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, mailbox_id),
    UNIQUE (organization_id, domain_id, local_part),
    FOREIGN KEY (organization_id, user_id) REFERENCES users
);
CREATE INDEX mailboxes_of_user ON mailboxes (organization_id, user_id);

CREATE FUNCTION mailbox_arrives() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.arrival := nextval('mailbox_arrivals');
    RETURN NEW;
END $$;
CREATE TRIGGER mailbox_arrives BEFORE UPDATE OF domain_id, user_id ON mailboxes FOR EACH ROW
    WHEN (OLD.domain_id <> NEW.domain_id OR OLD.user_id IS DISTINCT FROM NEW.user_id)
    EXECUTE FUNCTION mailbox_arrives();

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

-- Users who are given rights together. In shared_mailbox_access a group is 'g<name>'.
CREATE TABLE user_groups (
    organization_id bigint NOT NULL REFERENCES organizations,
    name            text NOT NULL CHECK (name = lower(name)),
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, name)
);

CREATE TABLE user_group_members (
    organization_id bigint NOT NULL,
    name            text NOT NULL,
    user_id         bigint NOT NULL,
    PRIMARY KEY (organization_id, name, user_id),
    FOREIGN KEY (organization_id, name) REFERENCES user_groups ON DELETE CASCADE,
    FOREIGN KEY (organization_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX groups_of_user ON user_group_members (organization_id, user_id);

-- Who may set the quotas of a domain and of its mailboxes, and hears when the domain is full.
CREATE TABLE domain_administrators (
    organization_id bigint NOT NULL,
    domain_id       bigint NOT NULL REFERENCES domains ON DELETE CASCADE,
    user_id         bigint NOT NULL,
    PRIMARY KEY (organization_id, domain_id, user_id),
    FOREIGN KEY (organization_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX domains_of_administrator ON domain_administrators (organization_id, user_id);

-- What happened to whom: never changed, pruned by age.
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
