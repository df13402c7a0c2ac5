-- What changes messages: APPEND, STORE, \Recent. Here and in the next files each function is one command, one
-- statement, one transaction. Every one locks the folder group first (two in ascending order), so that the order of
-- commits is the order of modseq, and ends by saying what is new since the modseq that its caller knew: a writer learns
-- with its own change all that others did before it.
--
-- A row's place is looked up where it is (ctid holds: every writer of messages has locked the group before). Left to
-- its guesses, the planner would join by reading the table: so some functions take its other ways from it.

-- Takes `number` uids and a modseq of a group. Raises IM009 where the 32 bits of a uid are used up.
CREATE FUNCTION take_uids(org bigint, grp bigint, number bigint, OUT first bigint, OUT now_modseq bigint,
                          OUT validity bigint)
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE folder_groups g SET uid_next = g.uid_next + number, modseq = g.modseq + 1
     WHERE g.organization_id = org AND g.group_id = grp
    RETURNING g.uid_next - number, g.modseq, g.uid_validity INTO first, now_modseq, validity;
    IF first + number - 1 > 4294967295 THEN
        RAISE EXCEPTION 'no uid left' USING ERRCODE = 'IM009', DETAIL = grp::text;
    END IF;
END $$;

-- Once the group is locked: the folder that was found in it is still there. Whoever deletes a folder, or puts it into
-- another group, has the lock of the one that it leaves. Who tries again finds it where it is.
CREATE FUNCTION need_still_there(org bigint, folder bigint, grp bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM folders f
                    WHERE f.organization_id = org AND f.folder_id = folder AND f.group_id = grp) THEN
        RAISE EXCEPTION 'the folder has changed' USING ERRCODE = 'serialization_failure';
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

-- The folder of this name in the first of these mailboxes that has one; null where none has. (In plpgsql, whose plans
-- stay: a function in SQL that reads a table is planned anew by each statement.)
CREATE FUNCTION folder_named(org bigint, boxes bigint[], name text) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT f.folder_id FROM folders f
             WHERE f.organization_id = org AND f.mailbox_id = ANY (boxes) AND f.name = folder_named.name
             ORDER BY array_position(boxes, f.mailbox_id) LIMIT 1);
END $$;

-- APPEND and delivery: one row per message, in the order given.
CREATE FUNCTION append_messages(org bigint, folder bigint, content_ids bigint[], sizes bigint[], dates bigint[],
                                zones smallint[], marks integer[], words text[],
                                OUT validity bigint, OUT first bigint, OUT grp bigint)
LANGUAGE plpgsql AS $$
DECLARE
    number integer := cardinality(content_ids);
    taken record;
    every text[];
    octets bigint := 0;
    not_seen bigint := 0;
    to_delete bigint := 0;
    to_delete_octets bigint := 0;
BEGIN
    SELECT f.group_id INTO grp FROM folders f WHERE f.organization_id = org AND f.folder_id = folder;
    IF grp IS NULL THEN
        RAISE EXCEPTION 'no such folder' USING ERRCODE = 'IM004';
    END IF;
    taken := take_uids(org, grp, number);
    first := taken.first;
    validity := taken.validity;
    IF array_to_string(words, '') <> '' THEN
        SELECT array_agg(DISTINCT w) INTO every FROM unnest(words) line, string_to_table(line, ' ') w WHERE w <> '';
        PERFORM spelled(org, grp, every);
    END IF;
    INSERT INTO messages (organization_id, group_id, uid, folder_id, modseq, content_id, size, internal_date,
                          internal_zone, flags, keywords)
    SELECT org, grp, taken.first + i - 1, folder, taken.now_modseq, c, s, d, z, m,
           CASE w WHEN '' THEN '{}' ELSE spelled(org, grp, string_to_array(w, ' ')) END
      FROM unnest(content_ids, sizes, dates, zones, marks, words) WITH ORDINALITY AS given(c, s, d, z, m, w, i);
    FOR i IN 1 .. number LOOP
        octets := octets + sizes[i];
        IF marks[i] & 8 = 0 THEN
            not_seen := not_seen + 1;
        END IF;
        IF marks[i] & 4 <> 0 THEN
            to_delete := to_delete + 1;
            to_delete_octets := to_delete_octets + sizes[i];
        END IF;
    END LOOP;
    IF charge(org, folder, number, octets, not_seen, to_delete, to_delete_octets) IS DISTINCT FROM grp THEN
        RAISE EXCEPTION 'the folder has changed' USING ERRCODE = 'serialization_failure';  -- as need_still_there()
    END IF;
    INSERT INTO changes (organization_id, group_id, modseq, added)
    VALUES (org, grp, taken.now_modseq, int8multirange(int8range(taken.first, taken.first + number)));
END $$;

-- Claims for one session all messages of a view that no session has been told are \Recent. Returns their uids. The news
-- that it belongs to need not wait for a disk: after a crash a message may be \Recent once more.
CREATE FUNCTION claim_recent(org bigint, grp bigint, folder bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    seen_to bigint;
    unseen_folders bigint[];
    claimed bigint[];
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    SELECT g.uid_next, g.hidden INTO seen_to, unseen_folders FROM folder_groups g
     WHERE g.organization_id = org AND g.group_id = grp FOR NO KEY UPDATE;
    WITH old AS (
        SELECT f.folder_id, f.recent_uid FROM folders f
         WHERE f.organization_id = org AND f.group_id = grp AND f.recent_uid < seen_to
           AND CASE WHEN folder IS NULL THEN f.folder_id <> ALL (unseen_folders) ELSE f.folder_id = folder END
         ORDER BY f.folder_id FOR NO KEY UPDATE),
    moved AS (
        UPDATE folders f SET recent_uid = seen_to, recent = 0 FROM old
         WHERE f.organization_id = org AND f.folder_id = old.folder_id)
    SELECT array_agg(m.uid ORDER BY m.uid) INTO claimed
      FROM old CROSS JOIN LATERAL (
        SELECT m.uid FROM messages m
         WHERE m.organization_id = org AND m.group_id = grp AND m.uid >= old.recent_uid AND m.uid < seen_to
           AND m.folder_id = old.folder_id OFFSET 0) m;
    RETURN coalesce(claimed, '{}');
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

-- Changes system flags alone, which is nearly every STORE; returns the UIDs that changed. Where it is about one flag, each
-- row that changes is one more or one less of it, and nothing has to be counted before. A single run of UIDs needs no
-- look-up of places. What a row keeps and what it gets is the same for all of them, so it is asked once.
CREATE FUNCTION change_flags(org bigint, grp bigint, folder bigint, targets int8multirange, op text, mask integer,
                             may_mask integer, now_modseq bigint) RETURNS int8multirange
LANGUAGE plpgsql AS $$
DECLARE
    changed int8multirange := '{}';
    tally record;
    kept integer := flags_after(op, -1, mask, may_mask);
    added integer := flags_after(op, 0, mask, may_mask);
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
            UPDATE messages m SET modseq = now_modseq, flags = m.flags & kept | added
             WHERE one_run AND m.organization_id = org AND m.group_id = grp
               AND m.uid >= lower(targets) AND m.uid < upper(targets)
               AND CASE WHEN folder IS NULL  -- as in messages_in(): what is hidden may lie between the others
                        THEN m.folder_id <> ALL ((SELECT g.hidden FROM folder_groups g
                                                   WHERE g.organization_id = org AND g.group_id = grp)::bigint[])
                        ELSE m.folder_id = folder END
               AND m.flags <> (m.flags & kept | added)
            RETURNING m.uid, m.folder_id, m.size),
        in_place AS (
            UPDATE messages m SET modseq = now_modseq, flags = m.flags & kept | added
              FROM messages_in(org, grp, folder, scattered) found
             WHERE m.ctid = found.place AND m.flags <> (m.flags & kept | added)
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
        changed := changed + uid_set(tally.uids);
    END LOOP;
    RETURN changed;
END $$;

-- STORE. op is '+', '-' or '='. mask: bits of messages.flags; words: keywords. With '=', may_mask says which bits the
-- user may touch and may_words whether the keywords. refused: uids changed since unchanged_since.
CREATE FUNCTION store_flags(org bigint, grp bigint, folder bigint, targets int8multirange, op text, mask integer,
                            words text[], may_mask integer, may_words boolean, unchanged_since bigint, known bigint,
                            OUT stored bigint, OUT refused int8multirange, OUT changed int8multirange, OUT news news)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    spelling text[];
BEGIN
    SELECT g.modseq + 1 INTO stored FROM folder_groups g
     WHERE g.organization_id = org AND g.group_id = grp FOR NO KEY UPDATE;
    IF unchanged_since IS NOT NULL THEN
        SELECT uid_set(array_agg(m.uid)) INTO refused
          FROM messages_in(org, grp, folder, targets) m WHERE m.modseq > unchanged_since;
        targets := targets - refused;
    END IF;
    -- What no message gets is no keyword of the mailbox.
    spelling := CASE WHEN cardinality(words) = 0 OR op = '-'
                       OR NOT EXISTS (SELECT FROM messages_in(org, grp, folder, targets))
                     THEN words ELSE spelled(org, grp, words) END;
    IF cardinality(words) = 0 AND (op <> '=' OR NOT may_words) THEN
        changed := change_flags(org, grp, folder, targets, op, mask, may_mask, stored);
    ELSE
        PERFORM count_flags(org, grp, folder, targets, op, mask, may_mask);
        WITH u AS (
            UPDATE messages m SET modseq = store_flags.stored, flags = n.flags, keywords = n.keywords
              FROM (SELECT m.place, flags_after(op, m.flags, mask, may_mask) AS flags,
                           CASE WHEN op = '+' THEN ARRAY(SELECT unnest(m.keywords) UNION SELECT unnest(spelling)
                                                          ORDER BY 1)
                                WHEN op = '-' THEN ARRAY(SELECT k FROM unnest(m.keywords) k WHERE lower(k) NOT IN
                                                         (SELECT lower(w) FROM unnest(spelling) w))
                                WHEN may_words THEN spelling ELSE m.keywords END AS keywords
                      FROM messages_in(org, grp, folder, targets) m) n
             WHERE m.ctid = n.place
               AND (m.flags <> n.flags OR m.keywords <> n.keywords)
            RETURNING m.uid)
        SELECT uid_set(array_agg(u.uid)) INTO changed FROM u;
    END IF;
    IF isempty(changed) THEN
        stored := NULL;
    ELSE
        -- Who knew all before this change can apply it to what he knows: the rows need not travel.
        UPDATE folder_groups g SET modseq = store_flags.stored WHERE g.organization_id = org AND g.group_id = grp
        RETURNING g.modseq, g.uid_next, g.keywords INTO news.modseq, news.uid_next, news.keywords;
        INSERT INTO changes (organization_id, group_id, modseq, flagged) VALUES (org, grp, stored, changed);
    END IF;
    IF stored IS NULL OR known <> stored - 1 THEN
        news := news_since(org, grp, folder, known);
    END IF;
END $$;
