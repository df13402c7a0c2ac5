-- What changes folders: create, delete, rename. What becomes of their UIDs is decided here and nowhere else: they stay
-- where nobody else lives under either name; else the folder gets new ones in the group that it joins.

-- Makes a folder, with the list of rights of the nearest folder above it (RFC 4314 section 4). Raises IM005 where it is
-- there already, IM003 where the mailbox has as many as it may.
CREATE FUNCTION create_folder(org bigint, box bigint, named text, use text, most bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    made bigint;
BEGIN
    IF (SELECT count(*) FROM folders f WHERE f.organization_id = org AND f.mailbox_id = box) >= most THEN
        RAISE EXCEPTION 'too many folders' USING ERRCODE = 'IM003';
    END IF;
    INSERT INTO folders (organization_id, mailbox_id, group_id, name, special_use)
    VALUES (org, box, group_named(org, owner_of(org, box), named), named, use)
    ON CONFLICT (organization_id, mailbox_id, name) DO NOTHING
    RETURNING folder_id INTO made;
    IF made IS NULL THEN
        RAISE EXCEPTION 'folder exists' USING ERRCODE = 'IM005';
    END IF;
    IF position('/' IN named) > 0 THEN
        INSERT INTO shared_mailbox_access (organization_id, mailbox_id, folder_id, grantee, rights)
        SELECT org, box, made, a.grantee, a.rights
          FROM shared_mailbox_access a
         WHERE a.organization_id = org AND a.mailbox_id = box AND a.folder_id = (
               SELECT f.folder_id FROM folders f
                WHERE f.organization_id = org AND f.mailbox_id = box AND starts_with(named, f.name || '/')
                ORDER BY length(f.name) DESC LIMIT 1);
    END IF;
    RETURN made;
END $$;

-- A new mailbox with its standard folders, subscribed by its user, and its quota. The standard folders are there even
-- where it may have no more, or fewer.
CREATE FUNCTION furnish_mailbox(org bigint, box bigint, storage bigint, message bigint, folder bigint, names text[],
                                uses text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO quotas (organization_id, mailbox_id, storage_limit, message_limit) VALUES (org, box, storage, message)
    ON CONFLICT DO NOTHING;
    PERFORM create_folder(org, box, n, nullif(u, ''), 1000000) FROM unnest(names, uses) AS given(n, u);
    IF folder IS NOT NULL THEN
        UPDATE quotas q SET folder_limit = folder WHERE q.organization_id = org AND q.mailbox_id = box;
    END IF;
    INSERT INTO subscriptions (organization_id, user_id, name)
    SELECT org, m.user_id, n FROM mailboxes m, unnest(names) n
     WHERE m.organization_id = org AND m.mailbox_id = box AND m.user_id IS NOT NULL
    ON CONFLICT DO NOTHING;
END $$;

-- Deletes one folder with its messages; inferior names stay. Returns its group. Raises IM002 where there is none.
CREATE FUNCTION delete_folder(org bigint, folder bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    grp bigint;
    gone bigint[];
    now_modseq bigint;
BEGIN
    SELECT f.group_id INTO grp FROM folders f WHERE f.organization_id = org AND f.folder_id = folder;
    PERFORM FROM folder_groups g WHERE g.organization_id = org AND g.group_id = grp FOR NO KEY UPDATE;
    PERFORM FROM folders f WHERE f.organization_id = org AND f.folder_id = folder AND f.group_id = grp FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such folder' USING ERRCODE = 'IM002';
    END IF;
    gone := remove_messages(org, grp, folder, int8multirange(int8range(1, NULL)), false);
    SELECT t.now_modseq INTO now_modseq FROM take_uids(org, grp, 0) t;
    INSERT INTO changes (organization_id, group_id, modseq, expunged)
    VALUES (org, grp, now_modseq, uid_set(gone));
    DELETE FROM shared_mailbox_access a WHERE a.organization_id = org AND a.folder_id = folder;
    DELETE FROM folders f WHERE f.organization_id = org AND f.folder_id = folder;
    RETURN grp;
END $$;

-- DELETE of several folders together. Returns their groups.
CREATE FUNCTION delete_folders(org bigint, folder_ids bigint[]) RETURNS bigint[]
LANGUAGE sql AS $$
    SELECT array_agg(delete_folder(org, f.folder_id))
      FROM (SELECT f.folder_id FROM folders f
             WHERE f.organization_id = org AND f.folder_id = ANY (folder_ids) ORDER BY f.group_id, f.folder_id
            OFFSET 0) f
$$;

-- Puts all messages of a folder into another group: new UIDs there, expunged here. Readers have seen under the new UIDs
-- what they had seen under the old ones. Both groups are locked by it.
CREATE FUNCTION regroup_folder(org bigint, folder bigint, grp bigint, target_group bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    taken record;
    uids bigint[];
BEGIN
    PERFORM FROM folder_groups g WHERE g.organization_id = org AND g.group_id IN (grp, target_group)
      ORDER BY g.group_id FOR NO KEY UPDATE;
    SELECT array_agg(m.uid ORDER BY m.uid) INTO uids
      FROM messages m WHERE m.organization_id = org AND m.group_id = grp AND m.folder_id = folder;
    SELECT * INTO taken FROM take_uids(org, target_group, coalesce(cardinality(uids), 0));
    PERFORM spelled(org, target_group, array_agg(DISTINCT w))
       FROM messages m, unnest(m.keywords) w
      WHERE m.organization_id = org AND m.group_id = grp AND m.folder_id = folder AND m.keywords <> '{}';
    UPDATE messages m SET group_id = target_group, uid = taken.first + n.i - 1, modseq = taken.now_modseq,
           keywords = CASE m.keywords WHEN '{}' THEN m.keywords ELSE spelled(org, target_group, m.keywords) END
      FROM unnest(uids) WITH ORDINALITY AS n(uid, i)
     WHERE m.organization_id = org AND m.group_id = grp AND m.uid = n.uid;
    UPDATE reader_seen s SET seen = (SELECT uid_set(array_agg(taken.first + n.i - 1))
                                       FROM unnest(uids) WITH ORDINALITY AS n(uid, i) WHERE s.seen @> n.uid)
     WHERE s.organization_id = org AND s.folder_id = folder;
    INSERT INTO changes (organization_id, group_id, modseq, added)
    VALUES (org, target_group, taken.now_modseq,
            CASE WHEN uids IS NULL THEN '{}'::int8multirange
                 ELSE int8multirange(int8range(taken.first, taken.first + cardinality(uids))) END);
    INSERT INTO changes (organization_id, group_id, modseq, expunged)
    SELECT org, grp, t.now_modseq, uid_set(uids) FROM take_uids(org, grp, 0) t;
    UPDATE folders f SET group_id = target_group, recent_uid = taken.first, recent = f.messages
     WHERE f.organization_id = org AND f.folder_id = folder;
END $$;

-- A group takes another name, and nobody's UIDs change; the memory of both names' UIDVALIDITY changes places with it.
-- Nobody else lives under the new name.
CREATE FUNCTION rename_group(org bigint, grp bigint, whose text, named text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    was folder_groups;
    other folder_groups;
BEGIN
    SELECT * INTO was FROM folder_groups g WHERE g.organization_id = org AND g.group_id = grp;
    SELECT * INTO other FROM folder_groups g WHERE g.organization_id = org AND g.owner = whose AND g.name = named;
    IF other.group_id = grp THEN
        RETURN;
    END IF;
    UPDATE folder_groups g SET owner = '', name = g.group_id::text
     WHERE g.organization_id = org AND g.group_id = other.group_id;
    UPDATE folder_groups g SET owner = whose, name = named, modseq = g.modseq + 1,
           uid_validity = CASE WHEN other.uid_validity > was.uid_validity THEN nextval('uid_validities')
                               ELSE was.uid_validity END
     WHERE g.organization_id = org AND g.group_id = grp;
    INSERT INTO changes (organization_id, group_id, modseq)
    SELECT org, g.group_id, g.modseq FROM folder_groups g WHERE g.organization_id = org AND g.group_id = grp;
    IF other.group_id IS NOT NULL THEN
        UPDATE folder_groups g SET owner = was.owner, name = was.name, uid_next = greatest(g.uid_next, 2),
               uid_validity = greatest(g.uid_validity, was.uid_validity)
         WHERE g.organization_id = org AND g.group_id = other.group_id;
    ELSE
        INSERT INTO folder_groups (organization_id, owner, name, uid_validity, uid_next)
        VALUES (org, was.owner, was.name, was.uid_validity, 2);
    END IF;
END $$;

-- Brings folders of one group (all that there are with this name and owner, or some) under another name or owner. Where
-- they are all of their group and nobody lives under the new name, the group goes with them; else they get new UIDs.
-- Returns the group they are in then. The caller holds the locks of all groups concerned that there are.
CREATE FUNCTION bring_folders(org bigint, folder_ids bigint[], whose text, named text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    grp bigint;
    goal bigint;
    one bigint;
BEGIN
    SELECT f.group_id INTO grp FROM folders f WHERE f.organization_id = org AND f.folder_id = folder_ids[1];
    SELECT g.group_id INTO goal
      FROM folder_groups g WHERE g.organization_id = org AND g.owner = whose AND g.name = named;
    IF goal = grp THEN
        RETURN grp;
    END IF;
    IF NOT EXISTS (SELECT FROM folders o WHERE o.organization_id = org AND o.group_id = grp
                      AND o.folder_id <> ALL (folder_ids))
       AND NOT EXISTS (SELECT FROM folders o WHERE o.organization_id = org AND o.group_id = goal) THEN
        PERFORM rename_group(org, grp, whose, named);
        RETURN grp;
    END IF;
    goal := group_named(org, whose, named);
    FOREACH one IN ARRAY folder_ids LOOP
        PERFORM regroup_folder(org, one, grp, goal);
    END LOOP;
    RETURN goal;
END $$;

-- Gives one folder another name, in the same mailbox or in another of the organisation.
CREATE FUNCTION rename_folder(org bigint, folder bigint, box bigint, named text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    was folders;
BEGIN
    SELECT * INTO was FROM folders f WHERE f.organization_id = org AND f.folder_id = folder;
    IF EXISTS (SELECT FROM folders f WHERE f.organization_id = org AND f.mailbox_id = box AND f.name = named) THEN
        RAISE EXCEPTION 'folder exists' USING ERRCODE = 'IM005';
    END IF;
    PERFORM bring_folders(org, ARRAY[folder], owner_of(org, box), named);
    IF box = was.mailbox_id THEN
        UPDATE folders f SET name = named WHERE f.organization_id = org AND f.folder_id = folder;
        RETURN;
    END IF;
    PERFORM charge(org, folder, -was.messages, -was.size, 0, 0, 0);
    -- At once: the other mailbox may have a folder of the old name.
    UPDATE folders f SET mailbox_id = box, name = named WHERE f.organization_id = org AND f.folder_id = folder;
    PERFORM charge(org, folder, was.messages, was.size, 0, 0, 0);
    UPDATE folders f SET recent = f.recent - was.messages WHERE f.organization_id = org AND f.folder_id = folder;
    IF seen_mode_of(org, box) <> seen_mode_of(org, was.mailbox_id) THEN
        PERFORM set_seen_mode_of(org, folder, seen_mode_of(org, box));
    END IF;
END $$;

-- Locks, for a RENAME, the groups of the folders that get another name and those of the names that they get, in order.
-- Whoever renames the same names at the same time waits here, and then finds them gone; so does who makes a folder of a
-- new name in another mailbox, and we then see it.
CREATE FUNCTION lock_groups_of_rename(org bigint, box bigint, old text, whose text, new text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM folder_groups g
      WHERE g.organization_id = org AND g.group_id IN
            (SELECT f.group_id FROM folders f
              WHERE f.organization_id = org AND f.mailbox_id = box AND (f.name = old OR starts_with(f.name, old || '/'))
             UNION
             SELECT t.group_id FROM folder_groups t
              WHERE t.organization_id = org AND t.owner = whose AND (t.name = new OR starts_with(t.name, new || '/')))
      ORDER BY g.group_id FOR NO KEY UPDATE;
END $$;

-- Before a RENAME of a tree from one mailbox to another. Returns the target, for rename_tree(). Raises IM003 where the
-- target would have more folders than it may.
CREATE FUNCTION prepare_rename(org bigint, box bigint, old text, target_box bigint, new text, most bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    sum record;
BEGIN
    IF box = target_box THEN
        RETURN target_box;
    END IF;
    PERFORM lock_groups_of_rename(org, box, old, owner_of(org, target_box), new);
    SELECT count(*) AS folders, coalesce(sum(f.messages), 0)::bigint AS number,
           coalesce(sum(f.size), 0)::bigint AS octets INTO sum
      FROM folders f
     WHERE f.organization_id = org AND f.mailbox_id = box AND (f.name = old OR starts_with(f.name, old || '/'));
    IF sum.folders > 0 AND sum.folders + (SELECT count(*) FROM folders f
                                           WHERE f.organization_id = org AND f.mailbox_id = target_box) > most THEN
        RAISE EXCEPTION 'too many folders' USING ERRCODE = 'IM003';
    END IF;
    PERFORM prepare_passing(org, ARRAY[box], ARRAY[sum.number], ARRAY[sum.octets], target_box, sum.number, sum.octets);
    RETURN target_box;
END $$;

-- Whether the name of an inferior would grow past what an index holds, or be deeper than a tree may be, as the one above it
-- gets another name. That one has been looked at.
CREATE FUNCTION is_past_bounds(named text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$ SELECT octet_length(named) > 2000 OR length(named) - length(replace(named, '/', '')) >= 64 $$;

-- RENAME of a whole tree: the folder, if it is there, and all its inferiors. Returns the groups that were touched.
-- Raises IM002 where there is nothing to rename.
CREATE FUNCTION rename_tree(org bigint, box bigint, old text, target_box bigint, new text) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    one record;
    groups bigint[] := '{}';
BEGIN
    PERFORM lock_groups_of_rename(org, box, old, owner_of(org, target_box), new);
    IF EXISTS (SELECT FROM folders f
                WHERE f.organization_id = org AND f.mailbox_id = box AND starts_with(f.name, old || '/')
                  AND is_past_bounds(new || substr(f.name, length(old) + 1))) THEN
        RAISE EXCEPTION 'name too long' USING ERRCODE = 'IM003';
    END IF;
    FOR one IN
        SELECT f.folder_id, f.group_id, new || substr(f.name, length(old) + 1) AS named
          FROM folders f
         WHERE f.organization_id = org AND f.mailbox_id = box
           AND (f.name = old OR starts_with(f.name, old || '/'))
         ORDER BY length(f.name), f.name    -- a name that another one is to get has been left before
    LOOP
        PERFORM rename_folder(org, one.folder_id, target_box, one.named);
        groups := groups || one.group_id
                  || (SELECT f.group_id FROM folders f WHERE f.organization_id = org AND f.folder_id = one.folder_id);
    END LOOP;
    IF groups = '{}' THEN
        RAISE EXCEPTION 'no such folder' USING ERRCODE = 'IM002';
    END IF;
    RETURN groups;
END $$;

-- RENAME INBOX: its messages go into a new folder, INBOX stays, empty. Readers have seen in the one what they had seen in
-- the other. Its annotations stay too, and the new folder has them as well (RFC 5464 section 4.1). Returns both groups.
CREATE FUNCTION rename_inbox(org bigint, box bigint, target_box bigint, named text, most bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    inbox record;
    made bigint;
    moved record;
    readers reader_seen[];
BEGIN
    SELECT f.folder_id, f.group_id INTO inbox FROM folders f
     WHERE f.organization_id = org AND f.mailbox_id = box AND f.name = 'INBOX';
    PERFORM FROM folder_groups g WHERE g.organization_id = org AND g.group_id = inbox.group_id FOR NO KEY UPDATE;
    readers := ARRAY(SELECT s FROM reader_seen s WHERE s.organization_id = org AND s.folder_id = inbox.folder_id);
    made := create_folder(org, target_box, named, NULL, most);
    SELECT * INTO moved
      FROM copy_messages(org, inbox.group_id, inbox.folder_id, int8multirange(int8range(1, 4294967296)), made, -1, true,
                         true, 0);
    INSERT INTO reader_seen (organization_id, folder_id, user_id, seen)
    SELECT org, made, r.user_id, uid_set(ARRAY(SELECT moved.first + n.i - 1
                                                 FROM unnest(moved.source) WITH ORDINALITY AS n(uid, i)
                                                WHERE r.seen @> n.uid))
      FROM unnest(readers) r;
    IF seen_mode_of(org, box) <> seen_mode_of(org, target_box) THEN
        PERFORM set_seen_mode_of(org, made, seen_mode_of(org, target_box));
    END IF;
    INSERT INTO metadata (organization_id, folder_id, user_id, entry, value)
    SELECT m.organization_id, made, m.user_id, m.entry, m.value
      FROM metadata m WHERE m.organization_id = org AND m.folder_id = inbox.folder_id;
    RETURN ARRAY[inbox.group_id, moved.target_group];
END $$;
