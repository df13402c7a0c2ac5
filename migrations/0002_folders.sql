-- Folders, and the groups that give their messages UIDs.

-- Every UIDVALIDITY is greater than all that were given out before. It begins with the time, so that a database that is
-- made anew does not give out again what clients remember of the former one.
CREATE SEQUENCE uid_validities AS bigint;
SELECT setval('uid_validities', extract(epoch FROM now())::bigint);

-- The UID space that the same-named folders of one owner share. owner is 'u<user_id>', or 'm<mailbox_id>' where a
-- mailbox has no user. Its row lock puts every change of the group in order. The row outlives its last folder, so that
-- a name that comes back never gets a smaller UIDVALIDITY.
CREATE TABLE folder_groups (
    organization_id bigint NOT NULL,
    group_id        bigint GENERATED ALWAYS AS IDENTITY,
    owner           text NOT NULL,
    name            text NOT NULL,
    uid_validity    bigint NOT NULL,
    uid_next        bigint NOT NULL DEFAULT 1,
    modseq          bigint NOT NULL DEFAULT 1,
    changes_floor   bigint NOT NULL DEFAULT 1,      -- the log does not tell of changes at or below it
    keywords        text[] NOT NULL DEFAULT '{}',   -- every keyword ever set here, in its first spelling
    hidden          bigint[] NOT NULL DEFAULT '{}', -- folders of closed mailboxes: no part of the merged mailbox
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

CREATE TABLE subscriptions (
    organization_id bigint NOT NULL,
    user_id         bigint NOT NULL,
    name            text NOT NULL,                  -- as the user sees it
    PRIMARY KEY (organization_id, user_id, name)
);

-- A name outlives its folder, so names have a bound of their own. Raises IM003 where a user has as many as may be; who
-- subscribes in several sessions at the same time passes that by one for each of them, and no further.
CREATE FUNCTION subscribe(org bigint, usr bigint, named text, most bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM subscriptions s WHERE s.organization_id = org AND s.user_id = usr AND s.name = named) THEN
        RETURN;
    END IF;
    IF (SELECT count(*) FROM subscriptions s WHERE s.organization_id = org AND s.user_id = usr) >= most THEN
        RAISE EXCEPTION 'too many subscriptions' USING ERRCODE = 'IM003';
    END IF;
    INSERT INTO subscriptions (organization_id, user_id, name) VALUES (org, usr, named) ON CONFLICT DO NOTHING;
END $$;

-- Who owns the UID space of a mailbox's folders.
CREATE FUNCTION owner_of(org bigint, box bigint) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN m.user_id IS NULL THEN 'm' || m.mailbox_id ELSE 'u' || m.user_id END
      FROM mailboxes m WHERE m.organization_id = org AND m.mailbox_id = box
$$;

-- The group of an owner's folders of one name, made where there is none. A group whose last folder is gone comes back
-- with a greater UIDVALIDITY: its old UIDs mean nothing any more. They are not given out again all the same (but where
-- half of them are used up): a session that still has the former folder selected must not mean a new message by one.
-- The row is locked.
CREATE FUNCTION group_named(org bigint, whose text, named text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    grp bigint;
BEGIN
    INSERT INTO folder_groups (organization_id, owner, name, uid_validity)
    VALUES (org, whose, named, nextval('uid_validities'))
    ON CONFLICT (organization_id, owner, name) DO UPDATE SET owner = excluded.owner
    RETURNING group_id INTO grp;
    UPDATE folder_groups g SET uid_validity = nextval('uid_validities'), keywords = '{}',
           uid_next = CASE WHEN g.uid_next < 2147483648 THEN g.uid_next ELSE 1 END,
           modseq = g.modseq + 1, changes_floor = g.modseq + 1
     WHERE g.organization_id = org AND g.group_id = grp AND g.uid_next > 1
       AND NOT EXISTS (SELECT FROM folders f WHERE f.organization_id = org AND f.group_id = grp);
    RETURN grp;
END $$;

-- One folder of a mailbox is for one use. Raises IM008 where a new one is to be for what another is for; one that comes
-- from another mailbox is an ordinary folder then.
CREATE FUNCTION one_folder_for_one_use() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM folders f
                WHERE f.organization_id = NEW.organization_id AND f.mailbox_id = NEW.mailbox_id
                  AND f.special_use = NEW.special_use AND f.folder_id <> NEW.folder_id) THEN
        IF TG_OP = 'INSERT' THEN
            RAISE EXCEPTION 'another folder is for that' USING ERRCODE = 'IM008';
        END IF;
        NEW.special_use := NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER one_folder_for_one_use BEFORE INSERT OR UPDATE OF mailbox_id ON folders
    FOR EACH ROW WHEN (NEW.special_use IS NOT NULL) EXECUTE FUNCTION one_folder_for_one_use();
