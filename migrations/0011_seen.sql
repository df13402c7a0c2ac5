-- \Seen of a mailbox is one for all its readers, or each reader has their own: then the flag in `messages` is the
-- owner's, and what the others have seen lies here. A reader's change of \Seen takes a modseq of the group and stands
-- in the log of changes like any other, so that every view stays monotonic and complete; to the others nothing changes.

-- UIDs of messages that are there, and nothing else, so that counting them is adding up. user_id 0: what everybody had
-- seen when the readers got sets of their own; it counts for those who have not set or cleared anything since.
CREATE TABLE reader_seen (
    organization_id bigint NOT NULL,
    folder_id       bigint NOT NULL,
    user_id         bigint NOT NULL,
    seen            int8multirange NOT NULL,
    PRIMARY KEY (organization_id, folder_id, user_id),
    FOREIGN KEY (organization_id, folder_id) REFERENCES folders ON DELETE CASCADE
);
CREATE INDEX seen_of_reader ON reader_seen (organization_id, user_id);

CREATE FUNCTION seen_by(org bigint, folder bigint, reader bigint) RETURNS int8multirange
LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT s.seen FROM reader_seen s
                      WHERE s.organization_id = org AND s.folder_id = folder AND s.user_id IN (reader, 0)
                      ORDER BY s.user_id DESC LIMIT 1), '{}')
$$;

CREATE FUNCTION set_seen_by(org bigint, folder bigint, reader bigint, uids int8multirange) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO reader_seen (organization_id, folder_id, user_id, seen) VALUES (org, folder, reader, uids)
    ON CONFLICT (organization_id, folder_id, user_id) DO UPDATE SET seen = excluded.seen
$$;

-- STORE of a reader with a set of their own. As store_flags(), but says nothing of what else is new.
CREATE FUNCTION store_flags_as(org bigint, grp bigint, folder bigint, reader bigint, targets int8multirange, op text,
                               mask integer, words text[], may_mask integer, may_words boolean, unchanged_since bigint,
                               OUT stored bigint, OUT refused int8multirange, OUT changed int8multirange)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    there int8multirange;
    held int8multirange;
    delta int8multirange;
BEGIN
    PERFORM FROM folder_groups g WHERE g.organization_id = org AND g.group_id = grp FOR NO KEY UPDATE;
    refused := '{}';
    IF unchanged_since IS NOT NULL THEN
        SELECT uid_set(array_agg(m.uid)) INTO refused
          FROM messages_in(org, grp, folder, targets) m WHERE m.modseq > unchanged_since;
        targets := targets - refused;
    END IF;
    SELECT s.stored, s.changed INTO stored, changed
      FROM store_flags(org, grp, folder, targets, op, mask & ~8, words, may_mask & ~8, may_words, NULL,
                       9223372036854775807) s;
    IF mask & 8 = 0 AND (op <> '=' OR may_mask & 8 = 0) THEN
        RETURN;
    END IF;
    held := seen_by(org, folder, reader);
    SELECT uid_set(array_agg(m.uid)) INTO there FROM messages_in(org, grp, folder, targets) m;
    delta := CASE WHEN op = '-' OR mask & 8 = 0 THEN there * held ELSE there - held END;
    IF isempty(delta) THEN
        RETURN;
    END IF;
    IF stored IS NULL THEN
        UPDATE folder_groups g SET modseq = g.modseq + 1 WHERE g.organization_id = org AND g.group_id = grp
        RETURNING g.modseq INTO stored;
        INSERT INTO changes (organization_id, group_id, modseq, flagged) VALUES (org, grp, stored, delta);
    ELSE
        UPDATE changes c SET flagged = c.flagged + delta
         WHERE c.organization_id = org AND c.group_id = grp AND c.modseq = stored;
    END IF;
    UPDATE messages m SET modseq = stored FROM messages_in(org, grp, folder, delta) found
     WHERE m.ctid = found.place AND m.modseq <> stored;
    PERFORM set_seen_by(org, folder, reader,
                        CASE WHEN op = '-' OR mask & 8 = 0 THEN held - delta ELSE held + delta END);
    changed := changed + delta;
END $$;

-- APPEND into a mailbox where the one who appends has a set of their own.
CREATE FUNCTION append_messages_as(org bigint, folder bigint, content_ids bigint[], sizes bigint[], dates bigint[],
                                   zones smallint[], marks integer[], words text[], reader bigint,
                                   OUT validity bigint, OUT first bigint, OUT grp bigint)
LANGUAGE plpgsql AS $$
DECLARE
    seen int8multirange;
BEGIN
    SELECT a.validity, a.first, a.grp INTO validity, first, grp
      FROM append_messages(org, folder, content_ids, sizes, dates, zones,
                           ARRAY(SELECT m & ~8 FROM unnest(marks) WITH ORDINALITY AS given(m, i) ORDER BY i), words) a;
    SELECT uid_set(array_agg(append_messages_as.first + i - 1)) INTO seen
      FROM unnest(marks) WITH ORDINALITY AS given(m, i) WHERE m & 8 <> 0;
    IF NOT isempty(seen) THEN
        PERFORM set_seen_by(org, folder, reader, seen_by(org, folder, reader) + seen);
    END IF;
END $$;

-- COPY and MOVE where \Seen is the reader's own in the source (from_reader) or in the target (to_reader): the copies
-- are seen where the reader sees the messages as seen. As copy_messages() in all else.
CREATE FUNCTION copy_messages_as(org bigint, grp bigint, folder bigint, targets int8multirange, target bigint,
                                 keep_mask integer, keep_words boolean, moving boolean, known bigint,
                                 from_reader bigint, to_reader bigint,
                                 OUT validity bigint, OUT first bigint, OUT source bigint[], OUT target_group bigint,
                                 OUT news news)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    was_seen int8multirange;
    now_seen int8multirange;
    done record;
BEGIN
    PERFORM lock_target(org, target, grp);
    IF from_reader IS NOT NULL THEN
        was_seen := seen_by(org, folder, from_reader);
    ELSE
        SELECT uid_set(array_agg(m.uid)) INTO was_seen
          FROM messages_in(org, grp, folder, targets) m WHERE m.flags & 8 <> 0;
    END IF;
    SELECT * INTO done FROM copy_messages(org, grp, folder, targets, target, keep_mask & ~8, keep_words, moving, known);
    validity := done.validity;
    first := done.first;
    source := done.source;
    target_group := done.target_group;
    news := done.news;
    IF keep_mask & 8 = 0 OR source IS NULL THEN
        RETURN;
    END IF;
    SELECT uid_set(array_agg(copy_messages_as.first + s.i - 1)) INTO now_seen
      FROM unnest(source) WITH ORDINALITY AS s(uid, i) WHERE was_seen @> s.uid;
    IF isempty(now_seen) THEN
        RETURN;
    END IF;
    IF to_reader IS NOT NULL THEN
        PERFORM set_seen_by(org, target, to_reader, seen_by(org, target, to_reader) + now_seen);
    ELSE
        UPDATE messages m SET flags = m.flags | 8 FROM messages_in(org, target_group, target, now_seen) found
         WHERE m.ctid = found.place;
        PERFORM charge(org, target, 0, 0, -uid_count(now_seen), 0, 0);
        IF (news).modseq IS NOT NULL THEN
            news := news_since(org, grp, folder, known);
        END IF;
    END IF;
END $$;

-- Whose \Seen a mailbox shows to those who do not own it.
CREATE FUNCTION seen_mode_of(org bigint, box bigint) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT m.seen FROM mailboxes m WHERE m.organization_id = org AND m.mailbox_id = box
$$;

-- One folder whose \Seen is shown in another way from now on. Whoever gets a set of their own begins with what everybody
-- had seen. The other way round, all that anybody sees differently then counts as changed. The group is locked; says
-- whether it has changed.
CREATE FUNCTION set_seen_mode_of(org bigint, folder bigint, mode text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    grp bigint;
    all_have int8multirange;
    differing int8multirange;
    now_modseq bigint;
BEGIN
    SELECT f.group_id INTO grp FROM folders f WHERE f.organization_id = org AND f.folder_id = folder;
    SELECT uid_set(array_agg(m.uid)) INTO all_have FROM messages m
     WHERE m.organization_id = org AND m.group_id = grp AND m.folder_id = folder AND m.flags & 8 <> 0;
    -- Who has no set sees what stands under 0, or nothing.
    SELECT coalesce(range_agg((s.seen + all_have) - (s.seen * all_have)), '{}')
           + CASE WHEN bool_or(s.user_id = 0) THEN '{}' ELSE all_have END
      INTO differing
      FROM reader_seen s WHERE s.organization_id = org AND s.folder_id = folder;
    DELETE FROM reader_seen s WHERE s.organization_id = org AND s.folder_id = folder;
    IF mode = 'per_reader' THEN
        IF NOT isempty(all_have) THEN
            PERFORM set_seen_by(org, folder, 0, all_have);
        END IF;
        RETURN false;
    ELSIF isempty(differing) THEN
        RETURN false;
    END IF;
    UPDATE folder_groups g SET modseq = g.modseq + 1 WHERE g.organization_id = org AND g.group_id = grp
    RETURNING g.modseq INTO now_modseq;
    UPDATE messages m SET modseq = now_modseq FROM messages_in(org, grp, folder, differing) found
     WHERE m.ctid = found.place;
    INSERT INTO changes (organization_id, group_id, modseq, flagged) VALUES (org, grp, now_modseq, differing);
    RETURN true;
END $$;

-- Changes whose \Seen a mailbox shows. Returns the groups that have changed.
CREATE FUNCTION set_seen_mode(org bigint, box bigint, mode text) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    was text;
BEGIN
    PERFORM FROM folder_groups g WHERE g.organization_id = org AND g.group_id IN
        (SELECT f.group_id FROM folders f WHERE f.organization_id = org AND f.mailbox_id = box)
      ORDER BY g.group_id FOR NO KEY UPDATE;
    SELECT m.seen INTO was FROM mailboxes m WHERE m.organization_id = org AND m.mailbox_id = box FOR NO KEY UPDATE;
    IF was = mode THEN
        RETURN '{}';
    END IF;
    UPDATE mailboxes m SET seen = mode WHERE m.organization_id = org AND m.mailbox_id = box;
    RETURN ARRAY(SELECT f.group_id FROM folders f
                  WHERE f.organization_id = org AND f.mailbox_id = box AND set_seen_mode_of(org, f.folder_id, mode)
                  ORDER BY f.folder_id);
END $$;
