-- What changes messages: each function is one command, one statement, one transaction. Every one locks the folder group
-- first (two in ascending order), so that the order of commits is the order of modseq, and ends by saying what is new
-- since the modseq that its caller knew: a writer learns with its own change all that others did before it.

-- What a view of a group (the whole group, or one folder of it) has to learn since a modseq.
-- modseq is null where the group is gone. uids and the arrays beside it are the rows that came or changed, in order of uid.
CREATE TYPE news AS (
    modseq          bigint,
    uid_next        bigint,
    keywords        text[],
    whole           boolean,            -- the rows are all there are, not just the changed ones
    change_modseqs  bigint[],
    change_flagged  text[],             -- what each change re-flagged, an int8multirange each
    expunged        text,               -- an int8multirange
    uids            bigint[],
    modseqs         bigint[],
    flags           integer[],
    words           text[],             -- keywords of each row, space-separated
    content_ids     bigint[],
    sizes           bigint[],
    dates           bigint[],
    zones           smallint[]
);

-- The messages of a view whose uids lie in targets, found through the primary key range by range. OFFSET 0: the planner
-- cannot know how narrow a range is, and would else read the whole group for one message.
CREATE FUNCTION messages_in(org bigint, grp bigint, folder bigint, targets int8multirange)
RETURNS TABLE (place tid, uid bigint, folder_id bigint, modseq bigint, content_id bigint, size bigint,
               internal_date bigint, internal_zone smallint, flags integer, keywords text[])
LANGUAGE sql STABLE AS $$
    SELECT m.* FROM unnest(targets) r CROSS JOIN LATERAL (
        SELECT m.ctid, m.uid, m.folder_id, m.modseq, m.content_id, m.size, m.internal_date, m.internal_zone, m.flags,
               m.keywords
          FROM messages m
         WHERE m.organization_id = org AND m.group_id = grp
           AND m.uid >= lower(r) AND m.uid < coalesce(upper(r), 9223372036854775807)
           AND (folder IS NULL OR m.folder_id = folder)
         ORDER BY m.uid OFFSET 0) m
$$;

-- STABLE: one snapshot for all it reads.
CREATE FUNCTION news_since(org bigint, grp bigint, folder bigint, known bigint) RETURNS news
LANGUAGE plpgsql STABLE AS $$
DECLARE
    n news;
    floor bigint;
    touched int8multirange;
BEGIN
    SELECT g.modseq, g.uid_next, g.keywords, g.changes_floor INTO n.modseq, n.uid_next, n.keywords, floor
      FROM folder_groups g WHERE g.organization_id = org AND g.group_id = grp;
    IF n.modseq IS NULL OR n.modseq = known THEN
        RETURN n;
    END IF;
    n.whole := known < floor;
    IF NOT n.whole THEN
        SELECT array_agg(c.modseq ORDER BY c.modseq), array_agg(c.flagged::text ORDER BY c.modseq),
               range_agg(c.expunged)::text, range_agg(c.added) + range_agg(c.flagged)
          INTO n.change_modseqs, n.change_flagged, n.expunged, touched
          FROM changes c WHERE c.organization_id = org AND c.group_id = grp AND c.modseq > known;
    END IF;
    IF n.whole THEN
        touched := int8multirange(int8range(1, NULL));
    END IF;
    SELECT array_agg(m.uid), array_agg(m.modseq), array_agg(m.flags), array_agg(array_to_string(m.keywords, ' ')),
           array_agg(m.content_id), array_agg(m.size), array_agg(m.internal_date), array_agg(m.internal_zone)
      INTO n.uids, n.modseqs, n.flags, n.words, n.content_ids, n.sizes, n.dates, n.zones
      FROM messages_in(org, grp, folder, touched) m;
    RETURN n;
END $$;

-- A set of uids as ranges; most are one run.
CREATE FUNCTION uid_set(uids bigint[]) RETURNS int8multirange
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    low bigint;
    high bigint;
BEGIN
    SELECT min(u), max(u) INTO low, high FROM unnest(uids) u;
    IF low IS NULL THEN
        RETURN '{}';
    ELSIF high - low + 1 = cardinality(uids) THEN
        RETURN int8multirange(int8range(low, high + 1));
    END IF;
    RETURN (SELECT range_agg(int8range(u, u + 1)) FROM unnest(uids) u);
END $$;

-- The one place where counters and usage change, and where a quota is enforced: raises IM001 where more would be used
-- than may be.
CREATE FUNCTION charge(org bigint, folder bigint, number bigint, octets bigint, not_seen bigint, to_delete bigint,
                       to_delete_octets bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    box bigint;
BEGIN
    UPDATE folders f SET messages = f.messages + number, size = f.size + octets, unseen = f.unseen + not_seen,
           deleted = f.deleted + to_delete, deleted_size = f.deleted_size + to_delete_octets,
           recent = f.recent + greatest(number, 0)
     WHERE f.organization_id = org AND f.folder_id = folder RETURNING f.mailbox_id INTO box;
    IF number = 0 AND octets = 0 THEN
        RETURN;
    END IF;
    UPDATE quotas q SET storage_used = q.storage_used + octets, messages_used = q.messages_used + number
     WHERE q.organization_id = org AND q.mailbox_id = box
       AND (octets <= 0 OR q.storage_limit IS NULL OR q.storage_used + octets <= q.storage_limit)
       AND (number <= 0 OR q.message_limit IS NULL OR q.messages_used + number <= q.message_limit);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'over quota' USING ERRCODE = 'IM001';
    END IF;
END $$;

-- The keywords as this group spells them (keywords are case-insensitive); new ones are added to its list.
CREATE FUNCTION spelled(org bigint, grp bigint, words text[]) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    known text[];
    fresh text[];
BEGIN
    IF cardinality(words) = 0 THEN
        RETURN words;
    END IF;
    SELECT g.keywords INTO known FROM folder_groups g WHERE g.organization_id = org AND g.group_id = grp;
    SELECT array_agg(w) INTO fresh
      FROM (SELECT DISTINCT ON (lower(w)) w FROM unnest(words) w
             WHERE NOT EXISTS (SELECT FROM unnest(known) k WHERE lower(k) = lower(w))) missing;
    IF fresh IS NOT NULL THEN
        known := known || fresh;
        IF cardinality(known) > 1000 THEN
            RAISE EXCEPTION 'too many keywords' USING ERRCODE = 'IM003';
        END IF;
        UPDATE folder_groups g SET keywords = known WHERE g.organization_id = org AND g.group_id = grp;
    END IF;
    RETURN ARRAY(SELECT k FROM unnest(known) k WHERE lower(k) IN (SELECT lower(w) FROM unnest(words) w) ORDER BY k);
END $$;

-- Takes `number` uids and a modseq of a group. Raises IM003 where the 32 bits of a uid are used up.
CREATE FUNCTION take_uids(org bigint, grp bigint, number bigint, OUT first bigint, OUT now_modseq bigint, OUT validity bigint)
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE folder_groups g SET uid_next = g.uid_next + number, modseq = g.modseq + 1
     WHERE g.organization_id = org AND g.group_id = grp
    RETURNING g.uid_next - number, g.modseq, g.uid_validity INTO first, now_modseq, validity;
    IF first + number > 4294967295 THEN
        RAISE EXCEPTION 'no uid left' USING ERRCODE = 'IM003';
    END IF;
END $$;

-- APPEND and delivery: one row per message, in the order given.
CREATE FUNCTION append_messages(org bigint, folder bigint, content_ids bigint[], sizes bigint[], dates bigint[],
                                zones smallint[], marks integer[], words text[],
                                OUT validity bigint, OUT first bigint, OUT grp bigint)
LANGUAGE plpgsql AS $$
DECLARE
    number bigint := cardinality(content_ids);
    now_modseq bigint;
    every text[];
BEGIN
    SELECT f.group_id INTO grp FROM folders f WHERE f.organization_id = org AND f.folder_id = folder FOR KEY SHARE;
    IF grp IS NULL THEN
        RAISE EXCEPTION 'no such folder' USING ERRCODE = 'IM004';
    END IF;
    SELECT t.first, t.now_modseq, t.validity INTO first, now_modseq, validity FROM take_uids(org, grp, number) t;
    SELECT array_agg(DISTINCT w) INTO every FROM unnest(words) line, string_to_table(line, ' ') w WHERE w <> '';
    IF every IS NOT NULL THEN
        PERFORM spelled(org, grp, every);
    END IF;
    INSERT INTO messages (organization_id, group_id, uid, folder_id, modseq, content_id, size, internal_date,
                          internal_zone, flags, keywords)
    SELECT org, grp, append_messages.first + i - 1, folder, now_modseq, c, s, d, z, m,
           CASE w WHEN '' THEN '{}' ELSE spelled(org, grp, string_to_array(w, ' ')) END
      FROM unnest(content_ids, sizes, dates, zones, marks, words) WITH ORDINALITY AS given(c, s, d, z, m, w, i);
    PERFORM charge(org, folder, number, sum(s)::bigint, count(*) FILTER (WHERE m & 8 = 0),
                   count(*) FILTER (WHERE m & 4 <> 0), coalesce(sum(s) FILTER (WHERE m & 4 <> 0), 0)::bigint)
       FROM unnest(sizes, marks) AS given(s, m);
    INSERT INTO changes (organization_id, group_id, modseq, added)
    VALUES (org, grp, now_modseq, int8multirange(int8range(append_messages.first, append_messages.first + number)));
END $$;

-- The flags that STORE leaves where these were held. op: '+', '-', or '=' within may_mask.
CREATE FUNCTION flags_after(op text, held integer, mask integer, may_mask integer) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE op WHEN '+' THEN held | mask WHEN '-' THEN held & ~mask ELSE (held & ~may_mask) | mask END
$$;

-- Brings the counters to what a STORE will leave, while the old flags are still to be seen.
CREATE FUNCTION count_flags(org bigint, grp bigint, folder bigint, targets int8multirange, op text, mask integer,
                            may_mask integer) RETURNS void
LANGUAGE sql AS $$
    SELECT charge(org, t.folder_id, 0, 0, t.not_seen, t.to_delete, t.to_delete_octets)
      FROM (SELECT m.folder_id,
                   count(*) FILTER (WHERE m.new & 8 = 0) - count(*) FILTER (WHERE m.flags & 8 = 0) AS not_seen,
                   count(*) FILTER (WHERE m.new & 4 <> 0) - count(*) FILTER (WHERE m.flags & 4 <> 0) AS to_delete,
                   (coalesce(sum(m.size) FILTER (WHERE m.new & 4 <> 0), 0)
                    - coalesce(sum(m.size) FILTER (WHERE m.flags & 4 <> 0), 0))::bigint AS to_delete_octets
              FROM (SELECT m.folder_id, m.size, m.flags, flags_after(op, m.flags, mask, may_mask) AS new
                      FROM messages_in(org, grp, folder, targets) m) m
             WHERE m.new <> m.flags
             GROUP BY m.folder_id ORDER BY m.folder_id) t
$$;

-- Changes system flags alone, which is nearly every STORE. Where it is about one flag, each row that changes is one more
-- or one less of it, and nothing has to be counted before. A single run of UIDs needs no look-up of places.
CREATE FUNCTION change_flags(org bigint, grp bigint, folder bigint, targets int8multirange, op text, mask integer,
                             may_mask integer, now_modseq bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    changed bigint[];
    tally record;
    sign integer := CASE op WHEN '+' THEN 1 WHEN '-' THEN -1 END;
    one_run boolean := targets = int8multirange(range_merge(targets));
    scattered int8multirange := CASE WHEN targets = int8multirange(range_merge(targets)) THEN '{}' ELSE targets END;
BEGIN
    IF sign IS NULL OR mask NOT IN (1, 2, 4, 8, 16) THEN
        PERFORM count_flags(org, grp, folder, targets, op, mask, may_mask);
        sign := 0;
    END IF;
    FOR tally IN
        WITH in_run AS (
            UPDATE messages m SET modseq = now_modseq, flags = flags_after(op, m.flags, mask, may_mask)
             WHERE one_run AND m.organization_id = org AND m.group_id = grp
               AND m.uid >= lower(targets) AND m.uid < upper(targets) AND (folder IS NULL OR m.folder_id = folder)
               AND m.flags <> flags_after(op, m.flags, mask, may_mask)
            RETURNING m.uid, m.folder_id, m.size),
        in_place AS (
            UPDATE messages m SET modseq = now_modseq, flags = flags_after(op, m.flags, mask, may_mask)
              FROM messages_in(org, grp, folder, scattered) found
             WHERE m.ctid = found.place AND m.flags <> flags_after(op, m.flags, mask, may_mask)
            RETURNING m.uid, m.folder_id, m.size)
        SELECT u.folder_id, count(*) AS number, sum(u.size)::bigint AS octets, array_agg(u.uid) AS uids
          FROM (SELECT * FROM in_run UNION ALL SELECT * FROM in_place) u
         GROUP BY u.folder_id ORDER BY u.folder_id
    LOOP
        IF sign <> 0 AND mask = 8 THEN
            PERFORM charge(org, tally.folder_id, 0, 0, -sign * tally.number, 0, 0);
        ELSIF sign <> 0 AND mask = 4 THEN
            PERFORM charge(org, tally.folder_id, 0, 0, 0, sign * tally.number, sign * tally.octets);
        END IF;
        changed := changed || tally.uids;
    END LOOP;
    RETURN changed;
END $$;

-- STORE. op is '+', '-' or '='. mask: bits of messages.flags; words: keywords. With '=', may_mask says which bits the
-- user may touch and may_words whether the keywords. refused: uids changed since unchanged_since.
CREATE FUNCTION store_flags(org bigint, grp bigint, folder bigint, targets int8multirange, op text, mask integer,
                            words text[], may_mask integer, may_words boolean, unchanged_since bigint, known bigint,
                            OUT stored bigint, OUT refused int8multirange, OUT changed int8multirange, OUT news news)
LANGUAGE plpgsql AS $$
DECLARE
    spelling text[];
    uids bigint[];
BEGIN
    SELECT g.modseq + 1 INTO stored FROM folder_groups g
     WHERE g.organization_id = org AND g.group_id = grp FOR NO KEY UPDATE;
    spelling := CASE WHEN op = '-' THEN words ELSE spelled(org, grp, words) END;
    IF unchanged_since IS NOT NULL THEN
        SELECT uid_set(array_agg(m.uid)) INTO refused
          FROM messages_in(org, grp, folder, targets) m WHERE m.modseq > unchanged_since;
        targets := targets - refused;
    END IF;
    IF cardinality(words) = 0 AND (op <> '=' OR NOT may_words) THEN
        uids := change_flags(org, grp, folder, targets, op, mask, may_mask, stored);
    ELSE
        PERFORM count_flags(org, grp, folder, targets, op, mask, may_mask);
        WITH u AS (
            UPDATE messages m SET modseq = store_flags.stored, flags = n.flags, keywords = n.keywords
              FROM (SELECT m.place, flags_after(op, m.flags, mask, may_mask) AS flags,
                           CASE WHEN op = '+' THEN ARRAY(SELECT unnest(m.keywords) UNION SELECT unnest(spelling) ORDER BY 1)
                                WHEN op = '-' THEN ARRAY(SELECT k FROM unnest(m.keywords) k WHERE lower(k) NOT IN
                                                         (SELECT lower(w) FROM unnest(spelling) w))
                                WHEN may_words THEN spelling ELSE m.keywords END AS keywords
                      FROM messages_in(org, grp, folder, targets) m) n
             WHERE m.ctid = n.place
               AND (m.flags <> n.flags OR m.keywords <> n.keywords)
            RETURNING m.uid)
        SELECT array_agg(u.uid) INTO uids FROM u;
    END IF;
    changed := uid_set(uids);
    IF uids IS NULL THEN
        stored := NULL;
    ELSE
        UPDATE folder_groups g SET modseq = store_flags.stored WHERE g.organization_id = org AND g.group_id = grp;
        INSERT INTO changes (organization_id, group_id, modseq, flagged) VALUES (org, grp, stored, changed);
    END IF;
    -- Who knew all before this change can apply it to what he knows: the rows need not travel.
    IF stored IS NOT NULL AND known = stored - 1 THEN
        SELECT g.modseq, g.uid_next, g.keywords INTO news.modseq, news.uid_next, news.keywords
          FROM folder_groups g WHERE g.organization_id = org AND g.group_id = grp;
    ELSE
        news := news_since(org, grp, folder, known);
    END IF;
END $$;

-- Takes messages out of a group: those of targets and, with only_deleted, only where \Deleted is set. Counters and usage
-- follow. Returns the uids, null where there were none. The caller holds the lock of the group and writes the change.
CREATE FUNCTION remove_messages(org bigint, grp bigint, folder bigint, targets int8multirange, only_deleted boolean)
RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    gone bigint[];
    tally record;
BEGIN
    FOR tally IN
        WITH d AS (
            DELETE FROM messages m USING messages_in(org, grp, folder, targets) found
             WHERE m.ctid = found.place AND (NOT only_deleted OR m.flags & 4 <> 0)
            RETURNING m.uid, m.folder_id, m.size, m.flags)
        SELECT d.folder_id, count(*) FILTER (WHERE d.uid >= f.recent_uid) AS recent, count(*) AS number, sum(d.size)::bigint AS octets,
               count(*) FILTER (WHERE d.flags & 8 = 0) AS not_seen,
               count(*) FILTER (WHERE d.flags & 4 <> 0) AS to_delete,
               coalesce(sum(d.size) FILTER (WHERE d.flags & 4 <> 0), 0)::bigint AS to_delete_octets,
               array_agg(d.uid) AS uids
          FROM d JOIN folders f ON f.organization_id = org AND f.folder_id = d.folder_id
         GROUP BY d.folder_id ORDER BY d.folder_id
    LOOP
        PERFORM charge(org, tally.folder_id, -tally.number, -tally.octets, -tally.not_seen, -tally.to_delete,
                       -tally.to_delete_octets);
        IF tally.recent > 0 THEN
            UPDATE folders f SET recent = f.recent - tally.recent
             WHERE f.organization_id = org AND f.folder_id = tally.folder_id;
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
    now_modseq bigint;
BEGIN
    PERFORM FROM folder_groups g WHERE g.organization_id = org AND g.group_id = grp FOR NO KEY UPDATE;
    gone := remove_messages(org, grp, folder, targets, only_deleted);
    IF gone IS NOT NULL THEN
        SELECT t.now_modseq INTO now_modseq FROM take_uids(org, grp, 0) t;
        INSERT INTO changes (organization_id, group_id, modseq, expunged) VALUES (org, grp, now_modseq, uid_set(gone));
    END IF;
    RETURN news_since(org, grp, folder, known);
END $$;

-- COPY and MOVE: one INSERT … SELECT, whoever owns the two folders; no octets move. keep_mask and keep_words are what the
-- user's rights in the target let through. A MOVE takes out before it puts in, so that it needs no room within one root.
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
    SELECT f.group_id INTO target_group FROM folders f
     WHERE f.organization_id = org AND f.folder_id = target FOR KEY SHARE;
    IF target_group IS NULL THEN
        RAISE EXCEPTION 'no such folder' USING ERRCODE = 'IM004';
    END IF;
    PERFORM FROM folder_groups g WHERE g.organization_id = org AND g.group_id IN (grp, target_group)
      ORDER BY g.group_id FOR NO KEY UPDATE;
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
        SELECT t.first, t.now_modseq, t.validity INTO first, now_modseq, validity FROM take_uids(org, target_group, number) t;
        IF keep_words AND total.has_words AND grp <> target_group THEN
            SELECT array_agg(DISTINCT w) INTO every
              FROM messages m, unnest(m.keywords) w
             WHERE m.organization_id = org AND m.group_id = grp AND m.uid = ANY (source) AND m.keywords <> '{}';
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
            INSERT INTO changes (organization_id, group_id, modseq, expunged) VALUES (org, grp, left_modseq, uid_set(source));
        END IF;
        INSERT INTO changes (organization_id, group_id, modseq, added, expunged)
        VALUES (org, target_group, now_modseq, int8multirange(int8range(copy_messages.first, copy_messages.first + number)),
                CASE WHEN moving AND grp = target_group THEN uid_set(source) ELSE '{}' END);
    ELSE
        SELECT g.uid_validity INTO validity FROM folder_groups g WHERE g.organization_id = org AND g.group_id = target_group;
    END IF;
    -- A plain COPY changes nothing in the view it was made from; who wants to know more asks when it matters.
    IF moving OR grp = target_group THEN
        news := news_since(org, grp, folder, known);
    END IF;
END $$;

-- Claims for one session all messages of a view that no session has been told are \Recent. Returns their uids.
CREATE FUNCTION claim_recent(org bigint, grp bigint, folder bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    seen_to bigint;
    claimed bigint[];
BEGIN
    SELECT g.uid_next INTO seen_to FROM folder_groups g
     WHERE g.organization_id = org AND g.group_id = grp FOR NO KEY UPDATE;
    WITH old AS (
        SELECT f.folder_id, f.recent_uid FROM folders f
         WHERE f.organization_id = org AND f.group_id = grp AND (folder IS NULL OR f.folder_id = folder)
           AND f.recent_uid < seen_to
         ORDER BY f.folder_id FOR NO KEY UPDATE),
    moved AS (
        UPDATE folders f SET recent_uid = seen_to, recent = 0 FROM old
         WHERE f.organization_id = org AND f.folder_id = old.folder_id)
    SELECT array_agg(m.uid ORDER BY m.uid) INTO claimed
      FROM old JOIN messages m ON m.organization_id = org AND m.group_id = grp AND m.folder_id = old.folder_id
       AND m.uid >= old.recent_uid AND m.uid < seen_to;
    RETURN coalesce(claimed, '{}');
END $$;

-- A row's place is looked up where it is (ctid holds: every writer of messages has locked the group before). Left to its
-- guesses, the planner would join by reading the table.
ALTER FUNCTION change_flags SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off;
ALTER FUNCTION store_flags SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off;
ALTER FUNCTION remove_messages SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off;
