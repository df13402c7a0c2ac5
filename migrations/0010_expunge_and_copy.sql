-- What takes messages out and puts them elsewhere: EXPUNGE, COPY, MOVE, REPLACE.

-- Takes messages out of a group: those of targets and, with only_deleted, only where \Deleted is set. Counters, usage
-- and the readers' sets of what they have seen follow. Returns the uids, null where there were none. The caller holds
-- the lock of the group and writes the change.
CREATE FUNCTION remove_messages(org bigint, grp bigint, folder bigint, targets int8multirange,
                                only_deleted boolean) RETURNS bigint[]
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    gone bigint[];
    tally record;
BEGIN
    FOR tally IN
        WITH d AS (
            DELETE FROM messages m USING messages_in(org, grp, folder, targets) found
             WHERE m.ctid = found.place AND (NOT only_deleted OR m.flags & 4 <> 0)
            RETURNING m.uid, m.folder_id, m.size, m.flags)
        SELECT d.folder_id, count(*) FILTER (WHERE d.uid >= f.recent_uid) AS recent, count(*) AS number,
               sum(d.size)::bigint AS octets, count(*) FILTER (WHERE d.flags & 8 = 0) AS not_seen,
               count(*) FILTER (WHERE d.flags & 4 <> 0) AS to_delete,
               coalesce(sum(d.size) FILTER (WHERE d.flags & 4 <> 0), 0)::bigint AS to_delete_octets,
               array_agg(d.uid) AS uids,
               EXISTS (SELECT FROM reader_seen s
                        WHERE s.organization_id = org AND s.folder_id = d.folder_id) AS has_readers
          FROM d JOIN folders f ON f.organization_id = org AND f.folder_id = d.folder_id
         GROUP BY d.folder_id ORDER BY d.folder_id
    LOOP
        PERFORM charge(org, tally.folder_id, -tally.number, -tally.octets, -tally.not_seen, -tally.to_delete,
                       -tally.to_delete_octets);
        IF tally.recent > 0 THEN
            UPDATE folders f SET recent = f.recent - tally.recent
             WHERE f.organization_id = org AND f.folder_id = tally.folder_id;
        END IF;
        IF tally.has_readers THEN
            UPDATE reader_seen s SET seen = s.seen - uid_set(tally.uids)
             WHERE s.organization_id = org AND s.folder_id = tally.folder_id AND s.seen && uid_set(tally.uids);
        END IF;
        gone := gone || tally.uids;
    END LOOP;
    RETURN gone;
END $$;

-- EXPUNGE (only_deleted) of a view, within targets. Says what is new since `known`.
CREATE FUNCTION expunge_messages(org bigint, grp bigint, folder bigint, targets int8multirange, only_deleted boolean,
                                 known bigint) RETURNS news
LANGUAGE plpgsql AS $$
DECLARE
    gone bigint[];
    taken record;
BEGIN
    PERFORM FROM folder_groups g WHERE g.organization_id = org AND g.group_id = grp FOR NO KEY UPDATE;
    gone := remove_messages(org, grp, folder, targets, only_deleted);
    IF gone IS NOT NULL THEN
        taken := take_uids(org, grp, 0);
        INSERT INTO changes (organization_id, group_id, modseq, expunged)
        VALUES (org, grp, taken.now_modseq, uid_set(gone));
    END IF;
    RETURN news_since(org, grp, folder, known);
END $$;

-- Locks the group of a folder that messages are to come into, and the one that they come from, in order. Raises IM004
-- where there is no such folder.
CREATE FUNCTION lock_target(org bigint, target bigint, grp bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    target_group bigint;
BEGIN
    SELECT f.group_id INTO target_group FROM folders f WHERE f.organization_id = org AND f.folder_id = target;
    IF target_group IS NULL THEN
        RAISE EXCEPTION 'no such folder' USING ERRCODE = 'IM004';
    END IF;
    PERFORM FROM folder_groups g WHERE g.organization_id = org AND g.group_id IN (grp, target_group)
      ORDER BY g.group_id FOR NO KEY UPDATE;
    PERFORM need_still_there(org, target, target_group);
    RETURN target_group;
END $$;

-- Before a MOVE. Returns `moving`, for copy_messages(); nothing is done for a COPY, and within one mailbox. Before a
-- REPLACE: `instead` is what comes in place of the message, in octets.
CREATE FUNCTION prepare_move(org bigint, grp bigint, folder bigint, targets int8multirange, target bigint,
                             moving boolean, instead bigint DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    goal record;
    boxes bigint[];
    numbers bigint[];
    octets bigint[];
    coming record;
BEGIN
    IF NOT moving THEN
        RETURN moving;
    END IF;
    SELECT f.mailbox_id INTO goal FROM folders f WHERE f.organization_id = org AND f.folder_id = target;
    SELECT array_agg(DISTINCT f.mailbox_id) INTO boxes
      FROM folders f WHERE f.organization_id = org AND f.group_id = grp AND (folder IS NULL OR f.folder_id = folder);
    IF goal.mailbox_id IS NULL OR boxes IS NULL OR goal.mailbox_id = ALL (boxes) AND instead IS NULL THEN
        RETURN moving;
    END IF;
    PERFORM lock_target(org, target, grp);
    IF EXISTS (SELECT FROM quotas q WHERE q.organization_id = org AND q.mailbox_id = ANY (boxes || goal.mailbox_id)
                  AND (q.user_root IS NOT NULL OR q.domain_root IS NOT NULL)) THEN
        SELECT array_agg(p.mailbox_id), array_agg(p.number), array_agg(p.octets) INTO boxes, numbers, octets
          FROM (SELECT f.mailbox_id, count(*) AS number, sum(m.size)::bigint AS octets
                  FROM messages_in(org, grp, folder, targets) m
                  JOIN folders f ON f.organization_id = org AND f.folder_id = m.folder_id
                 GROUP BY f.mailbox_id) p;
    END IF;
    SELECT coalesce(sum(p.n), 0)::bigint AS number, coalesce(instead, sum(p.o), 0)::bigint AS octets
      INTO coming FROM unnest(numbers, octets) p(n, o);
    PERFORM prepare_passing(org, boxes, numbers, octets, goal.mailbox_id, coming.number, coming.octets);
    RETURN moving;
END $$;

-- COPY and MOVE: one INSERT … SELECT, whoever owns the two folders; no octets move. keep_mask and keep_words are what
-- the user's rights in the target let through. A MOVE takes out before it puts in, so that it needs no room within one
-- root.
CREATE FUNCTION copy_messages(org bigint, grp bigint, folder bigint, targets int8multirange, target bigint,
                              keep_mask integer, keep_words boolean, moving boolean, known bigint,
                              OUT validity bigint, OUT first bigint, OUT source bigint[], OUT target_group bigint,
                              OUT news news)
LANGUAGE plpgsql AS $$
DECLARE
    number bigint;
    now_modseq bigint;
    left_modseq bigint;
    every text[];
    total record;
BEGIN
    target_group := lock_target(org, target, grp);
    SELECT array_agg(m.uid) AS uids, count(*) AS number, sum(m.size)::bigint AS octets,
           count(*) FILTER (WHERE m.flags & keep_mask & 8 = 0) AS not_seen,
           count(*) FILTER (WHERE m.flags & keep_mask & 4 <> 0) AS to_delete,
           coalesce(sum(m.size) FILTER (WHERE m.flags & keep_mask & 4 <> 0), 0)::bigint AS to_delete_octets,
           bool_or(m.keywords <> '{}') AS has_words
      INTO total
      FROM messages_in(org, grp, folder, targets) m;
    number := total.number;
    source := total.uids;
    IF number > 0 THEN
        SELECT t.first, t.now_modseq, t.validity INTO first, now_modseq, validity
          FROM take_uids(org, target_group, number) t;
        IF keep_words AND total.has_words AND grp <> target_group THEN
            SELECT array_agg(DISTINCT w) INTO every FROM messages_in(org, grp, folder, targets) m, unnest(m.keywords) w;
            every := spelled(org, target_group, every);
        END IF;
        INSERT INTO messages (organization_id, group_id, uid, folder_id, modseq, content_id, size, internal_date,
                              internal_zone, flags, keywords)
        SELECT org, target_group, copy_messages.first + row_number() OVER (ORDER BY m.uid) - 1, target, now_modseq,
               m.content_id, m.size, m.internal_date, m.internal_zone, m.flags & keep_mask,
               CASE WHEN NOT keep_words OR m.keywords = '{}' THEN '{}'
                    WHEN every IS NULL THEN m.keywords
                    ELSE ARRAY(SELECT e FROM unnest(every) e
                                WHERE lower(e) IN (SELECT lower(k) FROM unnest(m.keywords) k) ORDER BY e) END
          FROM messages_in(org, grp, folder, targets) m;
        IF moving THEN
            PERFORM remove_messages(org, grp, folder, uid_set(source), false);
        END IF;
        PERFORM charge(org, target, number, total.octets, total.not_seen, total.to_delete, total.to_delete_octets);
        IF moving AND grp <> target_group THEN
            SELECT t.now_modseq INTO left_modseq FROM take_uids(org, grp, 0) t;
            INSERT INTO changes (organization_id, group_id, modseq, expunged)
            VALUES (org, grp, left_modseq, uid_set(source));
        END IF;
        INSERT INTO changes (organization_id, group_id, modseq, added, expunged)
        VALUES (org, target_group, now_modseq,
                int8multirange(int8range(copy_messages.first, copy_messages.first + number)),
                CASE WHEN moving AND grp = target_group THEN uid_set(source) ELSE '{}' END);
    ELSE
        SELECT g.uid_validity INTO validity
          FROM folder_groups g WHERE g.organization_id = org AND g.group_id = target_group;
    END IF;
    -- A plain COPY changes nothing in the view it was made from; who wants to know more asks when it matters.
    IF moving OR grp = target_group THEN
        news := news_since(org, grp, folder, known);
    END IF;
END $$;

-- REPLACE (RFC 8508): takes out the message that another one, of so many octets, takes the place of, within the
-- statement that stores that. Returns the target, for append_messages(), which is evaluated after it. Raises IM004
-- where there is no such folder, IM007 where the message is gone.
CREATE FUNCTION remove_replaced(org bigint, grp bigint, folder bigint, replaced bigint, target bigint, octets bigint)
RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    targets int8multirange := int8multirange(int8range(replaced, replaced + 1));
    target_group bigint;
    gone bigint[];
BEGIN
    target_group := lock_target(org, target, grp);
    PERFORM prepare_move(org, grp, folder, targets, target, true, octets);
    gone := remove_messages(org, grp, folder, targets, false);
    IF gone IS NULL THEN
        RAISE EXCEPTION 'the message is gone' USING ERRCODE = 'IM007';
    END IF;
    INSERT INTO changes (organization_id, group_id, modseq, expunged)
    SELECT org, grp, t.now_modseq, uid_set(gone) FROM take_uids(org, grp, 0) t;
    RETURN target;
END $$;
