-- What is done to the same-named folders of all domains of a user together, and to whole mailboxes: rename, hide, pass
-- to another user.

-- RENAME of a tree in several mailboxes of one user together; each folder stays in its mailbox. Returns the groups that
-- were touched. Raises IM002 where there is nothing to rename, IM005 where a new name is taken in any of them.
CREATE FUNCTION rename_merged(org bigint, boxes bigint[], old text, new text) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    whose text := owner_of(org, boxes[1]);
    one record;
    groups bigint[] := '{}';
BEGIN
    PERFORM FROM folder_groups g
      WHERE g.organization_id = org AND g.owner = whose
        AND (g.name IN (old, new) OR starts_with(g.name, old || '/') OR starts_with(g.name, new || '/'))
      ORDER BY g.group_id FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM folders f
                WHERE f.organization_id = org AND f.mailbox_id = ANY (boxes) AND starts_with(f.name, old || '/')
                  AND is_past_bounds(new || substr(f.name, length(old) + 1))) THEN
        RAISE EXCEPTION 'name too long' USING ERRCODE = 'IM003';
    END IF;
    -- A name that another one is to get has been left before: that one is longer.
    FOR one IN
        SELECT f.name, new || substr(f.name, length(old) + 1) AS named, min(f.group_id) AS group_id,
               array_agg(f.folder_id ORDER BY f.folder_id) AS ids
          FROM folders f
         WHERE f.organization_id = org AND f.mailbox_id = ANY (boxes)
           AND (f.name = old OR starts_with(f.name, old || '/'))
         GROUP BY f.name ORDER BY length(f.name), f.name
    LOOP
        IF EXISTS (SELECT FROM folders f
                    WHERE f.organization_id = org AND f.mailbox_id = ANY (boxes) AND f.name = one.named) THEN
            RAISE EXCEPTION 'folder exists' USING ERRCODE = 'IM005';
        END IF;
        groups := groups || one.group_id || bring_folders(org, one.ids, whose, one.named);
        UPDATE folders f SET name = one.named WHERE f.organization_id = org AND f.folder_id = ANY (one.ids);
    END LOOP;
    IF groups = '{}' THEN
        RAISE EXCEPTION 'no such folder' USING ERRCODE = 'IM002';
    END IF;
    RETURN groups;
END $$;

-- RENAME INBOX of several mailboxes together: in each of them its messages go into a new folder.
CREATE FUNCTION rename_inboxes(org bigint, boxes bigint[], targets bigint[], named text, most bigint) RETURNS bigint[]
LANGUAGE sql AS $$
    SELECT array_agg(DISTINCT g)
      FROM unnest(boxes, targets) AS b(box, target)
     CROSS JOIN LATERAL unnest(rename_inbox(org, box, target, named, most)) g
$$;

-- Gives the messages of a folder new UIDs in its own group: to those who have been told that they are gone, they come.
CREATE FUNCTION renumber_folder(org bigint, grp bigint, folder bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    uids bigint[];
    taken record;
BEGIN
    SELECT array_agg(m.uid ORDER BY m.uid) INTO uids
      FROM messages m WHERE m.organization_id = org AND m.group_id = grp AND m.folder_id = folder;
    IF uids IS NULL THEN
        RETURN;
    END IF;
    SELECT * INTO taken FROM take_uids(org, grp, cardinality(uids));
    UPDATE messages m SET uid = taken.first + n.i - 1, modseq = taken.now_modseq
      FROM unnest(uids) WITH ORDINALITY AS n(uid, i)
     WHERE m.organization_id = org AND m.group_id = grp AND m.uid = n.uid;
    UPDATE reader_seen s SET seen = (SELECT uid_set(array_agg(taken.first + n.i - 1))
                                       FROM unnest(uids) WITH ORDINALITY AS n(uid, i) WHERE s.seen @> n.uid)
     WHERE s.organization_id = org AND s.folder_id = folder;
    INSERT INTO changes (organization_id, group_id, modseq, added, expunged)
    VALUES (org, grp, taken.now_modseq, int8multirange(int8range(taken.first, taken.first + cardinality(uids))),
            uid_set(uids));
    UPDATE folders f SET recent_uid = taken.first, recent = f.messages
     WHERE f.organization_id = org AND f.folder_id = folder;
END $$;

-- A user's names without a prefix show other folders from now on: of another mode, or of another primary mailbox. No UID
-- changes. Who comes back with a modseq from before knows another mailbox by the name: it is told all, as where the log
-- does not reach back, and what is in the mailboxes of newly_shown counts as changed.
CREATE FUNCTION show_others(org bigint, usr bigint, newly_shown bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    one record;
    now_modseq bigint;
BEGIN
    FOR one IN SELECT g.group_id FROM folder_groups g
                WHERE g.organization_id = org AND g.owner = 'u' || usr ORDER BY g.group_id FOR NO KEY UPDATE
    LOOP
        UPDATE folder_groups g SET modseq = g.modseq + 1, changes_floor = g.modseq + 1
         WHERE g.organization_id = org AND g.group_id = one.group_id RETURNING g.modseq INTO now_modseq;
        UPDATE messages m SET modseq = now_modseq
          FROM folders f
         WHERE f.organization_id = org AND f.group_id = one.group_id AND f.mailbox_id = ANY (newly_shown)
           AND m.organization_id = org AND m.group_id = one.group_id AND m.folder_id = f.folder_id;
    END LOOP;
END $$;

-- A session that begins says which mode it shows, because a preference of null is left to the configuration, and that
-- may have changed. What is merged shows all that the primary mailbox does, so the way back shows nothing new.
CREATE FUNCTION names_show_others() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM show_others(NEW.organization_id, NEW.user_id, ARRAY(
        SELECT m.mailbox_id FROM mailboxes m
         WHERE m.organization_id = NEW.organization_id AND m.user_id = NEW.user_id
           AND CASE WHEN OLD.shown_mode <> NEW.shown_mode
                    THEN NEW.shown_mode = 'unified' AND m.mailbox_id IS DISTINCT FROM OLD.primary_mailbox_id
                    ELSE NEW.shown_mode <> 'unified' AND m.mailbox_id = NEW.primary_mailbox_id END));
    RETURN NULL;
END $$;
CREATE TRIGGER names_show_others AFTER UPDATE OF shown_mode, primary_mailbox_id ON users FOR EACH ROW
    WHEN (OLD.shown_mode <> NEW.shown_mode
          OR OLD.primary_mailbox_id IS DISTINCT FROM NEW.primary_mailbox_id)
    EXECUTE FUNCTION names_show_others();

-- Before its quota is touched: groups are locked first, here as everywhere.
CREATE FUNCTION lock_groups_of_passing() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM folder_groups g
      WHERE g.organization_id = OLD.organization_id AND g.owner = owner_of(OLD.organization_id, OLD.mailbox_id)
      ORDER BY g.group_id FOR NO KEY UPDATE;
    RETURN NEW;
END $$;
CREATE TRIGGER lock_groups_of_passing BEFORE UPDATE OF domain_id, user_id, local_part ON mailboxes
    FOR EACH ROW EXECUTE FUNCTION lock_groups_of_passing();

-- Where the first mailbox of a domain leaves its user, a second one there gets the domain as its prefix. One that stays
-- with its user and gets another address comes to a name that may have meant other mail, and leaves its own to whatever
-- may follow: the UIDs under all of them are from the same groups.
CREATE FUNCTION prefix_passes_on() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    others bigint[] := ARRAY(
        SELECT m.mailbox_id FROM mailboxes m
         WHERE m.organization_id = OLD.organization_id AND m.user_id = OLD.user_id AND m.domain_id = OLD.domain_id
           AND m.arrival > OLD.arrival);
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.user_id = OLD.user_id THEN
        others := others || NEW.mailbox_id;
    END IF;
    IF others <> '{}' THEN
        PERFORM show_others(OLD.organization_id, OLD.user_id, others);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER prefix_passes_on AFTER DELETE ON mailboxes FOR EACH ROW EXECUTE FUNCTION prefix_passes_on();
CREATE TRIGGER prefix_passes_on_moving AFTER UPDATE OF domain_id, user_id, local_part ON mailboxes FOR EACH ROW
    WHEN ((OLD.domain_id, OLD.local_part) <> (NEW.domain_id, NEW.local_part)
          OR OLD.user_id IS DISTINCT FROM NEW.user_id)
    EXECUTE FUNCTION prefix_passes_on();

-- Takes one folder out of what a merged mailbox shows. The group is locked.
CREATE FUNCTION hide_folder(org bigint, grp bigint, folder bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    now_modseq bigint;
BEGIN
    UPDATE folder_groups g SET hidden = g.hidden || folder, modseq = g.modseq + 1
     WHERE g.organization_id = org AND g.group_id = grp RETURNING g.modseq INTO now_modseq;
    INSERT INTO changes (organization_id, group_id, modseq, expunged)
    SELECT org, grp, now_modseq, uid_set(array_agg(m.uid))
      FROM messages m WHERE m.organization_id = org AND m.group_id = grp AND m.folder_id = folder;
END $$;

-- What lies in a closed mailbox is hidden as soon as there is something to merge it with: where a folder comes into a
-- group, others of it, or the new one itself.
CREATE FUNCTION hide_what_is_closed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hide_folder(NEW.organization_id, NEW.group_id, f.folder_id)
       FROM folders f
       JOIN mailboxes m ON m.organization_id = f.organization_id AND m.mailbox_id = f.mailbox_id
       JOIN domains d ON d.domain_id = m.domain_id
       JOIN folder_groups g ON g.organization_id = f.organization_id AND g.group_id = f.group_id
      WHERE f.organization_id = NEW.organization_id AND f.group_id = NEW.group_id
        AND (m.disabled OR d.disabled) AND f.folder_id <> ALL (g.hidden)
        AND (f.folder_id = NEW.folder_id OR f.mailbox_id <> NEW.mailbox_id);
    RETURN NULL;
END $$;
CREATE TRIGGER hide_what_is_closed AFTER INSERT ON folders FOR EACH ROW EXECUTE FUNCTION hide_what_is_closed();
CREATE TRIGGER hide_what_is_closed_joining AFTER UPDATE OF group_id ON folders FOR EACH ROW
    WHEN (OLD.group_id <> NEW.group_id) EXECUTE FUNCTION hide_what_is_closed();

-- Takes the folders of mailboxes that are closed out of what merged mailboxes show, and back into it those that are
-- open again. Who sees a group whole is told that the messages are gone, and later that they have come; where there is
-- nothing to merge with, nothing changes. Returns the groups.
CREATE FUNCTION show_or_hide(org bigint, boxes bigint[]) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    one record;
    groups bigint[] := '{}';
BEGIN
    FOR one IN
        SELECT f.folder_id, f.group_id, m.disabled OR d.disabled AS hide
          FROM folders f
          JOIN mailboxes m ON m.organization_id = org AND m.mailbox_id = f.mailbox_id
          JOIN domains d ON d.domain_id = m.domain_id
          JOIN folder_groups g ON g.organization_id = org AND g.group_id = f.group_id
         WHERE f.organization_id = org AND f.mailbox_id = ANY (boxes)
           AND (m.disabled OR d.disabled) <> (f.folder_id = ANY (g.hidden))
           AND (f.folder_id = ANY (g.hidden)
                OR EXISTS (SELECT FROM folders o WHERE o.organization_id = org AND o.group_id = f.group_id
                              AND o.mailbox_id <> f.mailbox_id))
         ORDER BY f.group_id, f.folder_id
    LOOP
        PERFORM FROM folder_groups g WHERE g.organization_id = org AND g.group_id = one.group_id FOR NO KEY UPDATE;
        IF one.hide THEN
            PERFORM hide_folder(org, one.group_id, one.folder_id);
        ELSE
            UPDATE folder_groups g SET hidden = array_remove(g.hidden, one.folder_id)
             WHERE g.organization_id = org AND g.group_id = one.group_id;
            PERFORM renumber_folder(org, one.group_id, one.folder_id);
        END IF;
        groups := groups || one.group_id;
    END LOOP;
    -- While a primary mailbox is closed, the oldest of the others stands in its place.
    FOR one IN
        SELECT u.user_id,
               (SELECT min(o.mailbox_id) FROM mailboxes o JOIN domains d USING (domain_id)
                 WHERE o.organization_id = org AND o.user_id = u.user_id AND NOT o.disabled AND NOT d.disabled) AS stands_in
          FROM users u WHERE u.organization_id = org AND u.primary_mailbox_id = ANY (boxes)
         ORDER BY u.user_id
    LOOP
        PERFORM show_others(org, one.user_id, ARRAY[one.stands_in]);
    END LOOP;
    RETURN groups;
END $$;

-- A mailbox passes to another user of the organisation, or to nobody (null), with its folders. It must be open. Returns
-- the groups that were touched.
CREATE FUNCTION pass_mailbox(org bigint, box bigint, usr bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    was text := owner_of(org, box);
    whose text;
    one record;
    groups bigint[] := '{}';
BEGIN
    whose := CASE WHEN usr IS NULL THEN 'm' || box ELSE 'u' || usr END;
    PERFORM FROM folder_groups g WHERE g.organization_id = org AND g.owner IN (was, whose)
      ORDER BY g.group_id FOR NO KEY UPDATE;
    UPDATE mailboxes m SET user_id = usr WHERE m.organization_id = org AND m.mailbox_id = box;
    FOR one IN SELECT f.folder_id, f.group_id, f.name FROM folders f
                WHERE f.organization_id = org AND f.mailbox_id = box ORDER BY f.folder_id
    LOOP
        groups := groups || one.group_id || bring_folders(org, ARRAY[one.folder_id], whose, one.name);
    END LOOP;
    DELETE FROM shared_mailbox_access a WHERE a.organization_id = org AND a.mailbox_id = box AND a.grantee = whose;
    RETURN groups;
END $$;

-- Removes mailboxes of one owner with all that is in them. Whoever takes their prefixes is told (prefix_passes_on), so
-- all groups of the owner are locked; then what charge() will want for any of the folders, before it wants the first;
-- then the mailboxes, so that no folder comes into them any more.
CREATE FUNCTION remove_mailboxes(org bigint, boxes bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM folder_groups g
      WHERE g.organization_id = org AND g.owner IN (SELECT owner_of(org, box) FROM unnest(boxes) box)
      ORDER BY g.group_id FOR NO KEY UPDATE;
    PERFORM prepare_passing(org, boxes, zeros, zeros, boxes[1], 0, 0)
       FROM (SELECT array_fill(0::bigint, ARRAY[cardinality(boxes)]) AS zeros) z;
    PERFORM FROM mailboxes m WHERE m.organization_id = org AND m.mailbox_id = ANY (boxes)
      ORDER BY m.mailbox_id FOR UPDATE;
    PERFORM delete_folders(org, ARRAY(SELECT f.folder_id FROM folders f
                                       WHERE f.organization_id = org AND f.mailbox_id = ANY (boxes)));
    DELETE FROM mailboxes m WHERE m.organization_id = org AND m.mailbox_id = ANY (boxes);
END $$;
