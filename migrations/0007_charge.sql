-- charge(): the one place where counters and usage change. What stands above it here is how it finds room in a root.

-- What this transaction has taken out of a root, it may put into it again without asking for room: so a MOVE needs
-- none, however full the root is. Kept with the transaction, as {"<organization_id> <root>": [octets, number]}.
CREATE FUNCTION note_freed(org bigint, r text, number bigint, octets bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    freed jsonb := coalesce(nullif(current_setting('imapd.freed', true), ''), '{}');
    key text := org || ' ' || r;
BEGIN
    freed := freed || jsonb_build_object(key, jsonb_build_array(
        coalesce((freed -> key ->> 0)::bigint, 0) + octets, coalesce((freed -> key ->> 1)::bigint, 0) + number));
    PERFORM set_config('imapd.freed', freed::text, true);
END $$;

-- Uses up what this transaction has freed. Returns how much more is needed.
CREATE FUNCTION take_freed(org bigint, r text, number bigint, octets bigint,
                           OUT more_number bigint, OUT more_octets bigint)
LANGUAGE plpgsql AS $$
DECLARE
    freed text := current_setting('imapd.freed', true);
    held jsonb;
BEGIN
    more_number := greatest(0, number);
    more_octets := greatest(0, octets);
    IF freed IS NULL OR freed = '' OR more_number = 0 AND more_octets = 0 THEN
        RETURN;
    END IF;
    held := freed::jsonb -> (org || ' ' || r);
    IF held IS NOT NULL THEN
        more_number := greatest(0, number - (held ->> 1)::bigint);
        more_octets := greatest(0, octets - (held ->> 0)::bigint);
        PERFORM note_freed(org, r, more_number - number, more_octets - octets);
    END IF;
END $$;

-- What this transaction has freed is given to everybody.
CREATE FUNCTION forget_freed(org bigint, r text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    freed text := current_setting('imapd.freed', true);
BEGIN
    IF freed <> '' THEN
        PERFORM set_config('imapd.freed', (freed::jsonb - (org || ' ' || r))::text, true);
    END IF;
END $$;

-- Divides the room that is left among the stripes, beginning with `start`, up to the next threshold; notes a crossing.
-- The caller holds all stripes. The less there is, the fewer stripes get of it: crumbs would be of no use to anybody.
CREATE FUNCTION divide_room(org bigint, r text, start integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    q quota_roots;
    usage record;
    n record;
    level smallint;
    below integer;                      -- the next threshold
    storage bigint;
    messages bigint;
    stripes bigint;
    shares bigint;
BEGIN
    PERFORM forget_freed(org, r);
    SELECT * INTO q FROM quota_roots WHERE organization_id = org AND root = r;
    SELECT * INTO usage FROM quota_root_usage(org, r);
    level := quota_level(usage.storage_used, q.storage_limit, usage.messages_used, q.message_limit);
    SELECT * INTO n FROM quota_noted(level, q.warned, q.refused);
    IF n.now_warned <> q.warned THEN
        UPDATE quota_roots SET warned = n.now_warned, refused = false WHERE organization_id = org AND root = r;
    END IF;
    IF n.crossed THEN
        INSERT INTO quota_events (organization_id, root, threshold, storage_used, storage_limit, messages_used,
                                  message_limit)
        VALUES (org, r, n.now_warned, usage.storage_used, q.storage_limit, usage.messages_used, q.message_limit);
    END IF;
    SELECT min(t) INTO below FROM unnest(quota_thresholds()) t WHERE t > level;
    storage := greatest(0, CASE WHEN below IS NULL THEN q.storage_limit
                                ELSE (below * q.storage_limit + 99) / 100 - 1 END - usage.storage_used);
    messages := greatest(0, CASE WHEN below IS NULL THEN q.message_limit
                                 ELSE (below * q.message_limit + 99) / 100 - 1 END - usage.messages_used);
    storage := CASE WHEN q.storage_limit IS NOT NULL THEN storage END;
    messages := CASE WHEN q.message_limit IS NOT NULL THEN messages END;
    SELECT count(*) INTO stripes FROM quota_stripes s WHERE s.organization_id = org AND s.root = r;
    shares := greatest(1, least(stripes, storage / 1048576, messages / 64));
    UPDATE quota_stripes s SET storage_room = d.storage_room, messages_room = d.messages_room
      FROM (SELECT place.stripe,
                   CASE WHEN place.nth = 0 THEN storage / shares + storage % shares
                        WHEN place.nth < shares THEN storage / shares ELSE storage * 0 END AS storage_room,
                   CASE WHEN place.nth = 0 THEN messages / shares + messages % shares
                        WHEN place.nth < shares THEN messages / shares ELSE messages * 0 END AS messages_room
              FROM (SELECT p.stripe, (p.stripe - start + stripes) % stripes AS nth
                      FROM quota_stripes p WHERE p.organization_id = org AND p.root = r) place) d
     WHERE s.organization_id = org AND s.root = r AND s.stripe = d.stripe
       AND (s.storage_room IS DISTINCT FROM d.storage_room OR s.messages_room IS DISTINCT FROM d.messages_room);
END $$;

-- Locks all stripes of a root. Raises serialization_failure where it has gone meanwhile: who tries again will not see
-- it.
CREATE FUNCTION lock_stripes(org bigint, r text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM quota_stripes s WHERE s.organization_id = org AND s.root = r ORDER BY s.stripe FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the quota root is gone' USING ERRCODE = 'serialization_failure';
    END IF;
END $$;

-- Raises IM001, with the root as its detail, where so much more would be above a limit. More of a resource is no harm
-- where it is not needed.
CREATE FUNCTION need_room(org bigint, r text, number bigint, octets bigint, needs_number boolean, needs_octets boolean)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM quota_roots q, quota_root_usage(org, r) u
                WHERE q.organization_id = org AND q.root = r
                  AND (needs_octets AND u.storage_used + octets > q.storage_limit + quota_allowance()
                       OR needs_number AND u.messages_used + number > q.message_limit + quota_allowance())) THEN
        RAISE EXCEPTION 'over quota' USING ERRCODE = 'IM001', DETAIL = r;
    END IF;
END $$;

-- Adds to what a root of many stripes uses, where one that nobody holds has the room for what is needed. False: there
-- is none. (A row that is locked and then turns out to have been used up stays locked to the end; only with the whole
-- block it is let go. Who goes on to lock all stripes in order must not hold one out of order.)
CREATE FUNCTION charge_one_stripe(org bigint, r text, number bigint, octets bigint, more_number bigint,
                                  more_octets bigint, start integer) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM quota_stripes s WHERE s.organization_id = org AND s.root = r
                      AND coalesce(s.storage_room >= more_octets, true)
                      AND coalesce(s.messages_room >= more_number, true)) THEN
        RETURN false;
    END IF;
    UPDATE quota_stripes s SET storage_used = s.storage_used + octets, messages_used = s.messages_used + number,
           storage_room = s.storage_room - more_octets, messages_room = s.messages_room - more_number
     WHERE s.organization_id = org AND s.root = r AND s.stripe = (
           SELECT f.stripe FROM quota_stripes f
            WHERE f.organization_id = org AND f.root = r AND f.stripe = start
              AND coalesce(f.storage_room >= more_octets, true) AND coalesce(f.messages_room >= more_number, true)
              FOR NO KEY UPDATE SKIP LOCKED);
    IF NOT FOUND THEN
        UPDATE quota_stripes s SET storage_used = s.storage_used + octets, messages_used = s.messages_used + number,
               storage_room = s.storage_room - more_octets, messages_room = s.messages_room - more_number
         WHERE s.organization_id = org AND s.root = r AND s.stripe = (
               SELECT f.stripe FROM quota_stripes f
                WHERE f.organization_id = org AND f.root = r
                  AND coalesce(f.storage_room >= more_octets, true) AND coalesce(f.messages_room >= more_number, true)
                ORDER BY f.stripe < start, f.stripe LIMIT 1
                  FOR NO KEY UPDATE SKIP LOCKED);
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no stripe' USING ERRCODE = 'IM000';
    END IF;
    RETURN true;
EXCEPTION WHEN SQLSTATE 'IM000' THEN
    RETURN false;
END $$;

-- Adds to what a root above mailboxes uses, or takes from it.
CREATE FUNCTION charge_root(org bigint, r text, number bigint, octets bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    stripes integer := CASE WHEN starts_with(r, 'd') THEN 64 ELSE 1 END;
    start integer := pg_backend_pid() % stripes;
    needs record;
    place integer;
    fits boolean;
BEGIN
    needs := take_freed(org, r, number, octets);
    IF needs.more_number > 0 OR needs.more_octets > 0 THEN
        IF stripes > 1 THEN
            IF charge_one_stripe(org, r, number, octets, needs.more_number, needs.more_octets, start) THEN
                RETURN;
            END IF;
            -- That a root is full is seen without a lock.
            PERFORM need_room(org, r, number, octets, needs.more_number > 0, needs.more_octets > 0);
            PERFORM lock_stripes(org, r);
        END IF;
        UPDATE quota_stripes s SET storage_used = s.storage_used + octets, messages_used = s.messages_used + number,
               storage_room = s.storage_room - needs.more_octets, messages_room = s.messages_room - needs.more_number
         WHERE s.organization_id = org AND s.root = r AND s.stripe = start
        RETURNING coalesce(s.storage_room >= 0, true) AND coalesce(s.messages_room >= 0, true) INTO fits;
        IF fits IS NULL THEN
            RAISE EXCEPTION 'the quota root is gone' USING ERRCODE = 'serialization_failure';
        ELSIF NOT fits THEN
            PERFORM need_room(org, r, 0, 0, needs.more_number > 0, needs.more_octets > 0);
            PERFORM divide_room(org, r, start);
        END IF;
        RETURN;
    END IF;
    -- What needs no room goes to any stripe; and it waits for one only where somebody holds them all.
    SELECT s.stripe INTO place FROM quota_stripes s
     WHERE s.organization_id = org AND s.root = r AND s.stripe = start FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        SELECT s.stripe INTO place FROM quota_stripes s
         WHERE s.organization_id = org AND s.root = r ORDER BY s.stripe < start, s.stripe LIMIT 1
           FOR NO KEY UPDATE SKIP LOCKED;
    END IF;
    UPDATE quota_stripes s SET storage_used = s.storage_used + octets, messages_used = s.messages_used + number
     WHERE s.organization_id = org AND s.root = r AND s.stripe = coalesce(place, start);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the quota root is gone' USING ERRCODE = 'serialization_failure';
    END IF;
    IF number < 0 OR octets < 0 THEN
        PERFORM note_freed(org, r, -number, -octets);
    END IF;
END $$;

-- The part of charge() for mailboxes below other roots, and for those that have no room at first sight. Raises IM004 for
-- one that has lost its quota.
CREATE FUNCTION charge_roots(org bigint, box bigint, number bigint, octets bigint, more_number bigint,
                             more_octets bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    above record;
BEGIN
    SELECT q.user_root, q.domain_root INTO above FROM quotas q WHERE q.organization_id = org AND q.mailbox_id = box;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no quota' USING ERRCODE = 'IM004';
    END IF;
    IF above.user_root IS NOT NULL THEN
        PERFORM charge_root(org, above.user_root, number, octets);
    END IF;
    IF above.domain_root IS NOT NULL THEN
        PERFORM charge_root(org, above.domain_root, number, octets);
    END IF;
    UPDATE quotas q SET storage_used = q.storage_used + octets, messages_used = q.messages_used + number
     WHERE q.organization_id = org AND q.mailbox_id = box
       AND q.user_root IS NOT DISTINCT FROM above.user_root AND q.domain_root IS NOT DISTINCT FROM above.domain_root
       AND (more_octets = 0 OR coalesce(q.storage_used + octets <= q.storage_limit + quota_allowance(), true))
       AND (more_number = 0 OR coalesce(q.messages_used + number <= q.message_limit + quota_allowance(), true));
    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM quotas q WHERE q.organization_id = org AND q.mailbox_id = box
                      AND (q.user_root IS DISTINCT FROM above.user_root
                           OR q.domain_root IS DISTINCT FROM above.domain_root)) THEN
            RAISE EXCEPTION 'the quota roots have changed' USING ERRCODE = 'serialization_failure';
        END IF;
        RAISE EXCEPTION 'over quota' USING ERRCODE = 'IM001', DETAIL = 'm' || box;
    END IF;
END $$;

-- The one place where counters and usage change, and where a quota is enforced: raises IM001 where more would be used
-- than may be, with the root as its detail. Returns the group that the folder is in.
CREATE FUNCTION charge(org bigint, folder bigint, number bigint, octets bigint, not_seen bigint,
                       to_delete bigint, to_delete_octets bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    box bigint;
    grp bigint;
    needs record;
    is_limited boolean;
BEGIN
    UPDATE folders f SET messages = f.messages + number, size = f.size + octets, unseen = f.unseen + not_seen,
           deleted = f.deleted + to_delete, deleted_size = f.deleted_size + to_delete_octets,
           recent = f.recent + greatest(number, 0)
     WHERE f.organization_id = org AND f.folder_id = folder RETURNING f.mailbox_id, f.group_id INTO box, grp;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the folder is gone' USING ERRCODE = 'serialization_failure';
    END IF;
    IF number = 0 AND octets = 0 THEN
        RETURN grp;
    END IF;
    needs := take_freed(org, 'm' || box, number, octets);
    -- No root above, and room enough: that is nearly always so, and needs to look nowhere else.
    UPDATE quotas q SET storage_used = q.storage_used + octets, messages_used = q.messages_used + number
     WHERE q.organization_id = org AND q.mailbox_id = box AND q.user_root IS NULL AND q.domain_root IS NULL
       AND (needs.more_octets = 0 OR q.storage_limit IS NULL OR q.storage_used + octets <= q.storage_limit)
       AND (needs.more_number = 0 OR q.message_limit IS NULL OR q.messages_used + number <= q.message_limit)
    RETURNING q.storage_limit IS NOT NULL OR q.message_limit IS NOT NULL INTO is_limited;
    IF NOT FOUND THEN
        PERFORM charge_roots(org, box, number, octets, needs.more_number, needs.more_octets);
        is_limited := true;
    END IF;
    IF number < 0 AND is_limited THEN
        PERFORM note_freed(org, 'm' || box, -number, -octets);
    END IF;
    RETURN grp;
END $$;

-- Before messages go from mailboxes (numbers and octets of each) and come into another one, all that charge() will want
-- is locked in the order in which others want it, too: it is called twice, for what is taken out and for what is put
-- in, and two that move to and fro would else wait for each other. A root that gains by it gives the room now; taken
-- back at once, it is what the transaction may put in. The caller holds the folder groups.
CREATE FUNCTION prepare_passing(org bigint, boxes bigint[], numbers bigint[], octets bigint[], goal bigint,
                                goal_number bigint, goal_octets bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT r.root, greatest(0, sum(v.number))::bigint AS number, greatest(0, sum(v.octets))::bigint AS octets
          FROM (SELECT box, -n AS number, -o AS octets FROM unnest(boxes, numbers, octets) p(box, n, o)
                UNION ALL
                SELECT goal, goal_number, goal_octets) v
          JOIN quotas q ON q.organization_id = org AND q.mailbox_id = v.box
         CROSS JOIN LATERAL unnest(ARRAY[q.user_root, q.domain_root]) r(root)
         WHERE r.root IS NOT NULL
         GROUP BY r.root ORDER BY r.root DESC
    LOOP
        PERFORM charge_root(org, one.root, one.number, one.octets);
        PERFORM charge_root(org, one.root, -one.number, -one.octets);
    END LOOP;
    PERFORM FROM quotas q WHERE q.organization_id = org AND q.mailbox_id = ANY (boxes || goal)
      ORDER BY q.mailbox_id FOR NO KEY UPDATE;
END $$;
