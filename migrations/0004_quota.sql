-- Quota: roots above the mailbox (all mailboxes of a user, of a domain), the limit of folders, warnings, recounts.
--
-- Usage changes in the transaction that changes the messages, in charge(). What all of a domain use together must not
-- be one row that its writers queue for: it lies in stripes, each with a share of the room that is left. A writer takes
-- room from any one stripe that nobody holds. Only where none has enough are all of them locked, in order, the total is
-- looked at, and the room divided anew. Room that expunges give back stays with the total until then: a stripe never
-- has more room than there is. No room is given out beyond the next threshold, so nobody can cross one unnoticed.
--
-- Locks: folder groups, then stripes, then rows of quotas.

-- A root above mailboxes: 'u<user_id>' or 'd<domain_id>'. Null: unlimited. In `warned` the highest threshold that has
-- been noted and not been left since; `refused`: what made it 100 was a message that found no room.
CREATE TABLE quota_roots (
    organization_id bigint NOT NULL,
    root            text NOT NULL CHECK (root ~ '^[ud][0-9]+$'),
    storage_limit   bigint,                         -- octets
    message_limit   bigint,
    warned          smallint NOT NULL DEFAULT 0,
    refused         boolean NOT NULL DEFAULT false,
    PRIMARY KEY (organization_id, root)
);

-- Usage is the sum over the stripes of a root; one alone may be below zero. Few rows a page, for many writers at once.
CREATE TABLE quota_stripes (
    organization_id bigint NOT NULL,
    root            text NOT NULL,
    stripe          integer NOT NULL,
    storage_used    bigint NOT NULL DEFAULT 0,
    messages_used   bigint NOT NULL DEFAULT 0,
    storage_room    bigint,                         -- null: no limit
    messages_room   bigint,
    PRIMARY KEY (organization_id, root, stripe),
    FOREIGN KEY (organization_id, root) REFERENCES quota_roots ON DELETE CASCADE
) WITH (fillfactor = 10);

ALTER TABLE quotas
    ADD COLUMN folder_limit bigint,
    ADD COLUMN user_root    text,                   -- the roots above, null where there are none
    ADD COLUMN domain_root  text,
    ADD COLUMN warned       smallint NOT NULL DEFAULT 0,
    ADD COLUMN refused      boolean NOT NULL DEFAULT false;

-- Who may set the quotas of a domain and of its mailboxes, and hears when the domain is full.
CREATE TABLE domain_administrators (
    organization_id bigint NOT NULL,
    domain_id       bigint NOT NULL REFERENCES domains ON DELETE CASCADE,
    user_id         bigint NOT NULL,
    PRIMARY KEY (organization_id, domain_id, user_id),
    FOREIGN KEY (organization_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX domains_of_administrator ON domain_administrators (organization_id, user_id);

-- A threshold that was crossed upwards, by whatever; a row goes when everybody has been told. told: only the webhook is
-- left.
CREATE TABLE quota_events (
    organization_id bigint NOT NULL,
    event_id        bigint GENERATED ALWAYS AS IDENTITY,
    root            text NOT NULL,                  -- as in quota_roots, or 'm<mailbox_id>'
    threshold       smallint NOT NULL,
    storage_used    bigint NOT NULL,
    storage_limit   bigint,
    messages_used   bigint NOT NULL,
    message_limit   bigint,
    at              timestamptz NOT NULL DEFAULT now(),
    told            boolean NOT NULL DEFAULT false,
    attempts        smallint NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, event_id)
);
CREATE INDEX quota_events_due ON quota_events (due_at);

-- Thresholds in percent, ascending. The server sets them for its connections.
CREATE FUNCTION quota_thresholds() RETURNS integer[]
LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('imapd.quota_thresholds', true), ''), '{80,95,100}')::integer[]
$$;

-- The highest threshold that is reached; 0: none.
CREATE FUNCTION quota_level(storage_used bigint, storage_limit bigint, messages_used bigint, message_limit bigint)
RETURNS smallint
LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(t), 0)::smallint FROM unnest(quota_thresholds()) t
     WHERE storage_used * 100 >= t * storage_limit OR messages_used * 100 >= t * message_limit
$$;

-- What `warned` becomes, and whether that is a crossing to be told of. Where a message found no room, the quota counts
-- as full until the threshold below is left, too: else every expunge of a little would have it told again.
CREATE FUNCTION quota_noted(level smallint, warned smallint, refused boolean,
                            OUT now_warned smallint, OUT crossed boolean)
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN level < warned AND refused AND level > 0
                     AND level = (SELECT max(t) FROM unnest(quota_thresholds()) t WHERE t < 100)
                THEN warned ELSE level END,
           level > warned
$$;

-- Looks whether a mailbox has crossed a threshold. The caller holds its row of quotas.
CREATE FUNCTION note_mailbox_level(org bigint, box bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    q quotas;
    n record;
BEGIN
    SELECT * INTO q FROM quotas WHERE organization_id = org AND mailbox_id = box;
    SELECT * INTO n FROM quota_noted(
        quota_level(q.storage_used, q.storage_limit, q.messages_used, q.message_limit), q.warned, q.refused);
    IF n.now_warned <> q.warned THEN
        UPDATE quotas SET warned = n.now_warned, refused = false WHERE organization_id = org AND mailbox_id = box;
    END IF;
    IF n.crossed THEN
        INSERT INTO quota_events (organization_id, root, threshold, storage_used, storage_limit, messages_used,
                                  message_limit)
        VALUES (org, 'm' || box, n.now_warned, q.storage_used, q.storage_limit, q.messages_used, q.message_limit);
    END IF;
END $$;

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

-- Whether what this transaction has freed is enough; if so it is used up.
CREATE FUNCTION take_freed(org bigint, r text, number bigint, octets bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    freed text := current_setting('imapd.freed', true);
    held jsonb;
BEGIN
    IF freed IS NULL OR freed = '' THEN
        RETURN false;
    END IF;
    held := freed::jsonb -> (org || ' ' || r);
    IF held IS NULL OR (held ->> 0)::bigint < octets OR (held ->> 1)::bigint < number THEN
        RETURN false;
    END IF;
    PERFORM note_freed(org, r, -number, -octets);
    RETURN true;
END $$;

-- How far beyond every limit may be stored, octets and messages: for the server's own warnings, within their
-- transaction.
CREATE FUNCTION quota_allowance() RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('imapd.quota_allowance', true), ''), '0')::bigint
$$;

-- How much of a root is used, from its stripes.
CREATE FUNCTION quota_root_usage(org bigint, r text, OUT storage_used bigint, OUT messages_used bigint)
LANGUAGE sql STABLE AS $$
    SELECT sum(s.storage_used)::bigint, sum(s.messages_used)::bigint
      FROM quota_stripes s WHERE s.organization_id = org AND s.root = r
$$;

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

-- Raises IM001, with the root as its detail, where more than the limits is used.
CREATE FUNCTION need_room(org bigint, r text, number bigint, octets bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM quota_roots q, quota_root_usage(org, r) u
                WHERE q.organization_id = org AND q.root = r
                  AND (u.storage_used + octets > q.storage_limit + quota_allowance()
                       OR u.messages_used + number > q.message_limit + quota_allowance())) THEN
        RAISE EXCEPTION 'over quota' USING ERRCODE = 'IM001', DETAIL = r;
    END IF;
END $$;

-- Adds to what a root of many stripes uses, where one that nobody holds has the room. False: there is none. (A row that
-- is locked and then turns out to have been used up stays locked to the end; only with the whole block it is let go.
-- Who goes on to lock all stripes in order must not hold one out of order.)
CREATE FUNCTION charge_one_stripe(org bigint, r text, number bigint, octets bigint, start integer) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM quota_stripes s WHERE s.organization_id = org AND s.root = r
                      AND coalesce(s.storage_room >= octets, true) AND coalesce(s.messages_room >= number, true)) THEN
        RETURN false;
    END IF;
    UPDATE quota_stripes s SET storage_used = s.storage_used + octets, messages_used = s.messages_used + number,
           storage_room = s.storage_room - octets, messages_room = s.messages_room - number
     WHERE s.organization_id = org AND s.root = r AND s.stripe = (
           SELECT f.stripe FROM quota_stripes f
            WHERE f.organization_id = org AND f.root = r AND f.stripe = start
              AND coalesce(f.storage_room >= octets, true) AND coalesce(f.messages_room >= number, true)
              FOR NO KEY UPDATE SKIP LOCKED);
    IF NOT FOUND THEN
        UPDATE quota_stripes s SET storage_used = s.storage_used + octets, messages_used = s.messages_used + number,
               storage_room = s.storage_room - octets, messages_room = s.messages_room - number
         WHERE s.organization_id = org AND s.root = r AND s.stripe = (
               SELECT f.stripe FROM quota_stripes f
                WHERE f.organization_id = org AND f.root = r
                  AND coalesce(f.storage_room >= octets, true) AND coalesce(f.messages_room >= number, true)
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
    place integer;
    fits boolean;
BEGIN
    IF number > 0 AND NOT take_freed(org, r, number, octets) THEN
        IF stripes > 1 THEN
            IF charge_one_stripe(org, r, number, octets, start) THEN
                RETURN;
            END IF;
            PERFORM need_room(org, r, number, octets);      -- that a root is full is seen without a lock
            PERFORM lock_stripes(org, r);
        END IF;
        UPDATE quota_stripes s SET storage_used = s.storage_used + octets, messages_used = s.messages_used + number,
               storage_room = s.storage_room - octets, messages_room = s.messages_room - number
         WHERE s.organization_id = org AND s.root = r AND s.stripe = start
        RETURNING coalesce(s.storage_room >= 0, true) AND coalesce(s.messages_room >= 0, true) INTO fits;
        IF fits IS NULL THEN
            RAISE EXCEPTION 'the quota root is gone' USING ERRCODE = 'serialization_failure';
        ELSIF NOT fits THEN
            PERFORM need_room(org, r, 0, 0);
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
    IF number < 0 THEN
        PERFORM note_freed(org, r, -number, -octets);
    END IF;
END $$;

-- The part of charge() for mailboxes below other roots, and for those that have no room at first sight.
CREATE FUNCTION charge_roots(org bigint, box bigint, number bigint, octets bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    above record;
    covered boolean;
BEGIN
    SELECT q.user_root, q.domain_root INTO above FROM quotas q WHERE q.organization_id = org AND q.mailbox_id = box;
    IF above.user_root IS NOT NULL THEN
        PERFORM charge_root(org, above.user_root, number, octets);
    END IF;
    IF above.domain_root IS NOT NULL THEN
        PERFORM charge_root(org, above.domain_root, number, octets);
    END IF;
    covered := number <= 0 OR take_freed(org, 'm' || box, number, octets);
    UPDATE quotas q SET storage_used = q.storage_used + octets, messages_used = q.messages_used + number
     WHERE q.organization_id = org AND q.mailbox_id = box
       AND q.user_root IS NOT DISTINCT FROM above.user_root AND q.domain_root IS NOT DISTINCT FROM above.domain_root
       AND (covered OR coalesce(q.storage_used + octets <= q.storage_limit + quota_allowance(), true)
                   AND coalesce(q.messages_used + number <= q.message_limit + quota_allowance(), true));
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
-- than may be, with the root as its detail.
CREATE OR REPLACE FUNCTION charge(org bigint, folder bigint, number bigint, octets bigint, not_seen bigint,
                                  to_delete bigint, to_delete_octets bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    box bigint;
    got record;
    lowest integer;
BEGIN
    UPDATE folders f SET messages = f.messages + number, size = f.size + octets, unseen = f.unseen + not_seen,
           deleted = f.deleted + to_delete, deleted_size = f.deleted_size + to_delete_octets,
           recent = f.recent + greatest(number, 0)
     WHERE f.organization_id = org AND f.folder_id = folder RETURNING f.mailbox_id INTO box;
    IF number = 0 AND octets = 0 THEN
        RETURN;
    END IF;
    -- No root above, and room enough: that is nearly always so, and needs to look nowhere else.
    UPDATE quotas q SET storage_used = q.storage_used + octets, messages_used = q.messages_used + number
     WHERE q.organization_id = org AND q.mailbox_id = box AND q.user_root IS NULL AND q.domain_root IS NULL
       AND (octets <= 0 OR q.storage_limit IS NULL OR q.storage_used + octets <= q.storage_limit)
       AND (number <= 0 OR q.message_limit IS NULL OR q.messages_used + number <= q.message_limit)
    RETURNING q.storage_used, q.storage_limit, q.messages_used, q.message_limit, q.warned INTO got;
    IF NOT FOUND THEN
        PERFORM charge_roots(org, box, number, octets);
        SELECT r.storage_used, r.storage_limit, r.messages_used, r.message_limit, r.warned INTO got
          FROM quotas r WHERE r.organization_id = org AND r.mailbox_id = box;
    END IF;
    IF got.storage_limit IS NULL AND got.message_limit IS NULL THEN
        RETURN;
    END IF;
    IF number < 0 THEN
        PERFORM note_freed(org, 'm' || box, -number, -octets);
    END IF;
    lowest := (quota_thresholds())[1];
    IF got.warned > 0 OR lowest * got.storage_limit <= got.storage_used * 100
                      OR lowest * got.message_limit <= got.messages_used * 100 THEN
        PERFORM note_mailbox_level(org, box);
    END IF;
END $$;

-- Before messages pass from mailboxes (numbers and octets of each) to another one, all that charge() will want is
-- locked in the order in which others want it, too: it comes twice, for what is taken out and for what is put in, and
-- two that move to and fro would else wait for each other. A root that gains by it gives the room now; taken back at
-- once, it is what the transaction may put in. The caller holds the folder groups.
CREATE FUNCTION prepare_passing(org bigint, boxes bigint[], numbers bigint[], octets bigint[], goal bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT r.root, greatest(0, sum(v.number))::bigint AS number, greatest(0, sum(v.octets))::bigint AS octets
          FROM (SELECT box, -n AS number, -o AS octets FROM unnest(boxes, numbers, octets) p(box, n, o)
                UNION ALL
                SELECT goal, sum(n), sum(o) FROM unnest(numbers, octets) p(n, o)) v
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

-- Before a MOVE. Returns `moving`, for copy_messages(); nothing is done for a COPY, and within one mailbox.
CREATE FUNCTION prepare_move(org bigint, grp bigint, folder bigint, targets int8multirange, target bigint,
                             moving boolean) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    goal record;
    boxes bigint[];
    numbers bigint[];
    octets bigint[];
BEGIN
    IF NOT moving THEN
        RETURN moving;
    END IF;
    SELECT f.mailbox_id, f.group_id INTO goal FROM folders f WHERE f.organization_id = org AND f.folder_id = target;
    SELECT array_agg(DISTINCT f.mailbox_id) INTO boxes
      FROM folders f WHERE f.organization_id = org AND f.group_id = grp AND (folder IS NULL OR f.folder_id = folder);
    IF goal.mailbox_id IS NULL OR boxes IS NULL OR goal.mailbox_id = ALL (boxes) THEN
        RETURN moving;
    END IF;
    PERFORM FROM folder_groups g WHERE g.organization_id = org AND g.group_id IN (grp, goal.group_id)
      ORDER BY g.group_id FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM quotas q WHERE q.organization_id = org AND q.mailbox_id = ANY (boxes || goal.mailbox_id)
                  AND (q.user_root IS NOT NULL OR q.domain_root IS NOT NULL)) THEN
        SELECT array_agg(p.mailbox_id), array_agg(p.number), array_agg(p.octets) INTO boxes, numbers, octets
          FROM (SELECT f.mailbox_id, count(*) AS number, sum(m.size)::bigint AS octets
                  FROM messages_in(org, grp, folder, targets) m
                  JOIN folders f ON f.organization_id = org AND f.folder_id = m.folder_id
                 GROUP BY f.mailbox_id) p;
    END IF;
    PERFORM prepare_passing(org, boxes, numbers, octets, goal.mailbox_id);
    RETURN moving;
END $$;

-- Before a RENAME of a tree from one mailbox to another. Returns the target, for rename_tree().
CREATE FUNCTION prepare_rename(org bigint, box bigint, old text, target_box bigint, new text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    sum record;
BEGIN
    IF box = target_box THEN
        RETURN target_box;
    END IF;
    PERFORM FROM folder_groups g
      WHERE g.organization_id = org
        AND (g.group_id IN (SELECT f.group_id FROM folders f WHERE f.organization_id = org AND f.mailbox_id = box
                               AND (f.name = old OR starts_with(f.name, old || '/')))
             OR g.owner = owner_of(org, target_box) AND (g.name = new OR starts_with(g.name, new || '/')))
      ORDER BY g.group_id FOR NO KEY UPDATE;
    SELECT coalesce(sum(f.messages), 0)::bigint AS number, coalesce(sum(f.size), 0)::bigint AS octets INTO sum
      FROM folders f
     WHERE f.organization_id = org AND f.mailbox_id = box AND (f.name = old OR starts_with(f.name, old || '/'));
    PERFORM prepare_passing(org, ARRAY[box], ARRAY[sum.number], ARRAY[sum.octets], target_box);
    RETURN target_box;
END $$;

-- A message found no room. That counts as 100 %, which usage alone hardly ever reaches, where the threshold below it is
-- reached: one that is merely too large for the rest does not make a quota full.
CREATE FUNCTION note_refusal(org bigint, r text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    edge integer := coalesce((SELECT max(t) FROM unnest(quota_thresholds()) t WHERE t < 100), 0);
BEGIN
    IF NOT 100 = ANY (quota_thresholds()) THEN
        RETURN;
    END IF;
    IF starts_with(r, 'm') THEN
        WITH full_now AS (
            UPDATE quotas q SET warned = 100, refused = true
             WHERE q.organization_id = org AND q.mailbox_id = substr(r, 2)::bigint
               AND q.warned < 100 AND q.warned >= edge
            RETURNING q.storage_used, q.storage_limit, q.messages_used, q.message_limit)
        INSERT INTO quota_events (organization_id, root, threshold, storage_used, storage_limit, messages_used,
                                  message_limit)
        SELECT org, r, 100, f.* FROM full_now f;
    ELSE
        WITH full_now AS (
            UPDATE quota_roots q SET warned = 100, refused = true
             WHERE q.organization_id = org AND q.root = r AND q.warned < 100 AND q.warned >= edge
            RETURNING q.storage_limit, q.message_limit)
        INSERT INTO quota_events (organization_id, root, threshold, storage_used, storage_limit, messages_used,
                                  message_limit)
        SELECT org, r, 100, u.storage_used, f.storage_limit, u.messages_used, f.message_limit
          FROM full_now f, quota_root_usage(org, r) u;
    END IF;
END $$;

-- Arms the roots above mailboxes again whose usage has fallen below the threshold that was noted. Returns how many.
CREATE FUNCTION rearm_quota_roots() RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    one record;
    armed integer := 0;
BEGIN
    FOR one IN
        SELECT q.organization_id AS org, q.root
          FROM quota_roots q CROSS JOIN LATERAL quota_root_usage(q.organization_id, q.root) u
         CROSS JOIN LATERAL quota_noted(quota_level(u.storage_used, q.storage_limit, u.messages_used, q.message_limit),
                                        q.warned, q.refused) n
         WHERE q.warned > 0 AND n.now_warned < q.warned
         ORDER BY q.organization_id, q.root
    LOOP
        PERFORM lock_stripes(one.org, one.root);
        PERFORM divide_room(one.org, one.root, 0);
        armed := armed + 1;
    END LOOP;
    RETURN armed;
END $$;

-- The mailboxes below a root.
CREATE FUNCTION mailboxes_below(org bigint, r text) RETURNS SETOF bigint
LANGUAGE sql STABLE AS $$
    SELECT m.mailbox_id FROM mailboxes m
     WHERE starts_with(r, 'u') AND m.organization_id = org AND m.user_id = substr(r, 2)::bigint
    UNION ALL
    SELECT m.mailbox_id FROM mailboxes m
     WHERE starts_with(r, 'd') AND m.organization_id = org AND m.domain_id = substr(r, 2)::bigint
$$;

-- The limits of a mailbox.
CREATE FUNCTION set_mailbox_quota(org bigint, box bigint, storage bigint, message bigint, folder bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE quotas q SET storage_limit = storage, message_limit = message, folder_limit = folder, refused = false
     WHERE q.organization_id = org AND q.mailbox_id = box;
    PERFORM note_mailbox_level(org, box);
END $$;

-- Makes a root above mailboxes, changes its limits, or removes it (both null). Exact while others write: who makes or
-- removes a mailbox waits for the lock of the user or domain (the foreign keys take it), who writes for the rows below.
CREATE FUNCTION set_quota_root(org bigint, r text, storage bigint, message bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF starts_with(r, 'u') THEN
        PERFORM FROM users u WHERE u.organization_id = org AND u.user_id = substr(r, 2)::bigint FOR UPDATE;
    ELSE
        PERFORM FROM domains d WHERE d.organization_id = org AND d.domain_id = substr(r, 2)::bigint FOR UPDATE;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such root' USING ERRCODE = 'IM002';
    END IF;
    IF EXISTS (SELECT FROM quota_roots q WHERE q.organization_id = org AND q.root = r) THEN
        PERFORM lock_stripes(org, r);
        UPDATE quota_roots q SET storage_limit = storage, message_limit = message, refused = false
         WHERE q.organization_id = org AND q.root = r;
        PERFORM FROM quotas q WHERE q.organization_id = org AND q.mailbox_id IN (SELECT mailboxes_below(org, r))
                AND storage IS NULL AND message IS NULL
          ORDER BY q.mailbox_id FOR NO KEY UPDATE;
        IF storage IS NOT NULL OR message IS NOT NULL THEN
            PERFORM divide_room(org, r, 0);
        ELSE
            UPDATE quotas q SET user_root = nullif(q.user_root, r), domain_root = nullif(q.domain_root, r)
             WHERE q.organization_id = org AND q.mailbox_id IN (SELECT mailboxes_below(org, r));
            DELETE FROM quota_roots q WHERE q.organization_id = org AND q.root = r;
        END IF;
    ELSIF storage IS NOT NULL OR message IS NOT NULL THEN
        INSERT INTO quota_roots (organization_id, root, storage_limit, message_limit) VALUES (org, r, storage, message);
        PERFORM FROM quotas q WHERE q.organization_id = org AND q.mailbox_id IN (SELECT mailboxes_below(org, r))
          ORDER BY q.mailbox_id FOR NO KEY UPDATE;
        INSERT INTO quota_stripes (organization_id, root, stripe)
        SELECT org, r, s FROM generate_series(0, CASE WHEN starts_with(r, 'd') THEN 63 ELSE 0 END) s;
        WITH below AS (
            UPDATE quotas q SET user_root = CASE WHEN starts_with(r, 'u') THEN r ELSE q.user_root END,
                                domain_root = CASE WHEN starts_with(r, 'd') THEN r ELSE q.domain_root END
             WHERE q.organization_id = org AND q.mailbox_id IN (SELECT mailboxes_below(org, r))
            RETURNING q.storage_used, q.messages_used)
        UPDATE quota_stripes s SET storage_used = t.storage_used, messages_used = t.messages_used
          FROM (SELECT coalesce(sum(b.storage_used), 0)::bigint AS storage_used,
                       coalesce(sum(b.messages_used), 0)::bigint AS messages_used FROM below b) t
         WHERE s.organization_id = org AND s.root = r AND s.stripe = 0;
        PERFORM divide_room(org, r, 0);
    END IF;
END $$;

-- The roots that a mailbox lies below now.
CREATE FUNCTION roots_above(org bigint, box bigint, OUT user_root text, OUT domain_root text)
LANGUAGE sql STABLE AS $$
    SELECT u.root, d.root
      FROM mailboxes m
      LEFT JOIN quota_roots u ON u.organization_id = org AND u.root = 'u' || m.user_id
      LEFT JOIN quota_roots d ON d.organization_id = org AND d.root = 'd' || m.domain_id
     WHERE m.organization_id = org AND m.mailbox_id = box
$$;

-- A new mailbox comes below the roots of its user and its domain; one that goes takes along what it still used.
CREATE FUNCTION quotas_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT a.user_root, a.domain_root INTO NEW.user_root, NEW.domain_root
          FROM roots_above(NEW.organization_id, NEW.mailbox_id) a;
        RETURN NEW;
    END IF;
    IF OLD.storage_used <> 0 OR OLD.messages_used <> 0 THEN
        UPDATE quota_stripes s SET storage_used = s.storage_used - OLD.storage_used,
                                   messages_used = s.messages_used - OLD.messages_used
         WHERE s.organization_id = OLD.organization_id AND s.root IN (OLD.user_root, OLD.domain_root) AND s.stripe = 0;
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER quotas_change BEFORE INSERT OR DELETE ON quotas FOR EACH ROW EXECUTE FUNCTION quotas_change();

-- A mailbox that passes to another user or domain takes its usage from the old roots to the new ones; they may be over
-- their limits then, and take nothing more until they are below.
CREATE FUNCTION mailboxes_pass() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    org bigint := NEW.organization_id;
    was quotas;
    above record;
    one text;
BEGIN
    SELECT * INTO was FROM quotas q WHERE q.organization_id = org AND q.mailbox_id = NEW.mailbox_id;
    SELECT * INTO above FROM roots_above(org, NEW.mailbox_id);
    PERFORM lock_stripes(org, r)
       FROM (SELECT DISTINCT r FROM unnest(ARRAY[was.user_root, was.domain_root, above.user_root, above.domain_root]) r
              WHERE r IS NOT NULL ORDER BY r DESC) roots;
    SELECT * INTO was FROM quotas q WHERE q.organization_id = org AND q.mailbox_id = NEW.mailbox_id FOR NO KEY UPDATE;
    UPDATE quota_stripes s SET storage_used = s.storage_used - was.storage_used,
                               messages_used = s.messages_used - was.messages_used
     WHERE s.organization_id = org AND s.root IN (was.user_root, was.domain_root) AND s.stripe = 0;
    UPDATE quota_stripes s SET storage_used = s.storage_used + was.storage_used,
                               messages_used = s.messages_used + was.messages_used
     WHERE s.organization_id = org AND s.root IN (above.user_root, above.domain_root) AND s.stripe = 0;
    UPDATE quotas q SET user_root = above.user_root, domain_root = above.domain_root
     WHERE q.organization_id = org AND q.mailbox_id = NEW.mailbox_id;
    FOREACH one IN ARRAY array_remove(ARRAY[above.user_root, above.domain_root], NULL) LOOP
        PERFORM divide_room(org, one, 0);
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER mailboxes_pass AFTER UPDATE OF user_id, domain_id ON mailboxes FOR EACH ROW
    WHEN (OLD.user_id IS DISTINCT FROM NEW.user_id OR OLD.domain_id <> NEW.domain_id) EXECUTE FUNCTION mailboxes_pass();

-- A user or domain that is removed takes its root along.
CREATE FUNCTION remove_root() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM quota_roots q WHERE q.organization_id = OLD.organization_id
       AND q.root = CASE TG_TABLE_NAME WHEN 'users' THEN 'u' || (to_jsonb(OLD) ->> 'user_id')
                                       ELSE 'd' || (to_jsonb(OLD) ->> 'domain_id') END;
    RETURN NULL;
END $$;
CREATE TRIGGER remove_root AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION remove_root();
CREATE TRIGGER remove_root AFTER DELETE ON domains FOR EACH ROW EXECUTE FUNCTION remove_root();

-- As many folders as the quota of the mailbox allows, be they made or renamed into it. Raises IM001.
CREATE FUNCTION check_folder_limit() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    org bigint := NEW.organization_id;
    most bigint;
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.messages <> 0 OR NEW.size <> 0) THEN
        -- RENAME has taken out what it had read a moment ago; what came since would stay behind in the old usage.
        RAISE EXCEPTION 'the folder has changed' USING ERRCODE = 'serialization_failure';
    END IF;
    SELECT q.folder_limit INTO most FROM quotas q WHERE q.organization_id = org AND q.mailbox_id = NEW.mailbox_id;
    IF most IS NULL OR EXISTS (SELECT FROM folders f WHERE f.organization_id = org AND f.mailbox_id = NEW.mailbox_id
                                  AND f.name = NEW.name AND f.folder_id <> NEW.folder_id) THEN
        RETURN NEW;
    END IF;
    SELECT q.folder_limit INTO most FROM quotas q
     WHERE q.organization_id = org AND q.mailbox_id = NEW.mailbox_id FOR NO KEY UPDATE;
    IF (SELECT count(*) FROM folders f WHERE f.organization_id = org AND f.mailbox_id = NEW.mailbox_id) >= most THEN
        RAISE EXCEPTION 'too many folders' USING ERRCODE = 'IM001', DETAIL = 'm' || NEW.mailbox_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_folder_limit BEFORE INSERT ON folders FOR EACH ROW EXECUTE FUNCTION check_folder_limit();
CREATE TRIGGER check_folder_limit_of_move BEFORE UPDATE OF mailbox_id ON folders FOR EACH ROW
    WHEN (OLD.mailbox_id <> NEW.mailbox_id) EXECUTE FUNCTION check_folder_limit();

-- Whether a message of so many octets fits into a mailbox now; null if so, else the root that has no room.
CREATE FUNCTION quota_refusing(org bigint, box bigint, octets bigint) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN q.mailbox_id IS NULL OR q.storage_used + octets > q.storage_limit
                     OR q.messages_used >= q.message_limit THEN 'm' || box
                ELSE (SELECT r.root FROM quota_roots r CROSS JOIN LATERAL quota_root_usage(org, r.root) u
                       WHERE r.organization_id = org AND r.root IN (q.user_root, q.domain_root)
                         AND (u.storage_used + octets > r.storage_limit OR u.messages_used >= r.message_limit)
                       ORDER BY r.root DESC LIMIT 1) END
      FROM (VALUES (box)) AS asked(mailbox_id)
      LEFT JOIN quotas q ON q.organization_id = org AND q.mailbox_id = asked.mailbox_id
$$;

-- How much is used of every root, beside its limits: a mailbox's ('m<mailbox_id>'), a user's, a domain's.
CREATE VIEW quota_usage AS
    SELECT q.organization_id, 'm' || q.mailbox_id AS root, q.storage_used, q.storage_limit, q.messages_used,
           q.message_limit, (SELECT count(*) FROM folders f WHERE f.organization_id = q.organization_id
                                AND f.mailbox_id = q.mailbox_id) AS folders_used,
           q.folder_limit, q.warned, m.local_part || '@' || d.name AS address, d.name AS domain,
           q.mailbox_id, m.user_id, m.domain_id
      FROM quotas q
      JOIN mailboxes m ON m.organization_id = q.organization_id AND m.mailbox_id = q.mailbox_id
      JOIN domains d ON d.domain_id = m.domain_id
    UNION ALL
    SELECT r.organization_id, r.root, u.storage_used, r.storage_limit, u.messages_used, r.message_limit,
           NULL, NULL, r.warned, m.local_part || '@' || md.name, d.name,
           NULL, p.user_id, d.domain_id
      FROM quota_roots r
     CROSS JOIN LATERAL quota_root_usage(r.organization_id, r.root) u
      LEFT JOIN users p ON p.organization_id = r.organization_id
                       AND p.user_id = CASE WHEN starts_with(r.root, 'u') THEN substr(r.root, 2)::bigint END
      LEFT JOIN mailboxes m ON m.organization_id = p.organization_id AND m.mailbox_id = p.primary_mailbox_id
      LEFT JOIN domains md ON md.domain_id = m.domain_id
      LEFT JOIN domains d ON d.domain_id = CASE WHEN starts_with(r.root, 'd') THEN substr(r.root, 2)::bigint END;

-- What the folders of a mailbox hold, counted, beside what their counters say. One snapshot, no lock.
CREATE FUNCTION count_folders(org bigint, box bigint)
RETURNS TABLE (folder_id bigint, name text, told bigint[], counted bigint[])
LANGUAGE sql STABLE AS $$
    SELECT f.folder_id, f.name, ARRAY[f.messages, f.unseen, f.deleted, f.recent, f.size, f.deleted_size],
           (SELECT ARRAY[count(*), count(*) FILTER (WHERE m.flags & 8 = 0), count(*) FILTER (WHERE m.flags & 4 <> 0),
                         count(*) FILTER (WHERE m.uid >= f.recent_uid), coalesce(sum(m.size), 0),
                         coalesce(sum(m.size) FILTER (WHERE m.flags & 4 <> 0), 0)]::bigint[]
              FROM messages m
             WHERE m.organization_id = org AND m.group_id = f.group_id AND m.folder_id = f.folder_id)
      FROM folders f WHERE f.organization_id = org AND f.mailbox_id = box ORDER BY f.folder_id
$$;

-- Sets the counters of a mailbox's folders and its usage to what is there. Returns what usage was off by.
CREATE FUNCTION recount_mailbox(org bigint, box bigint, OUT storage_off bigint, OUT messages_off bigint)
LANGUAGE plpgsql AS $$
DECLARE
    q quotas;
    one text;
BEGIN
    PERFORM FROM folder_groups g WHERE g.organization_id = org AND g.group_id IN
        (SELECT f.group_id FROM folders f WHERE f.organization_id = org AND f.mailbox_id = box)
      ORDER BY g.group_id FOR NO KEY UPDATE;
    SELECT * INTO q FROM quotas WHERE organization_id = org AND mailbox_id = box;
    PERFORM lock_stripes(org, r) FROM unnest(array_remove(ARRAY[q.user_root, q.domain_root], NULL)) r;
    SELECT * INTO q FROM quotas WHERE organization_id = org AND mailbox_id = box FOR NO KEY UPDATE;
    UPDATE folders f SET messages = c.counted[1], unseen = c.counted[2], deleted = c.counted[3],
           recent = c.counted[4], size = c.counted[5], deleted_size = c.counted[6]
      FROM count_folders(org, box) c
     WHERE f.organization_id = org AND f.folder_id = c.folder_id AND c.told <> c.counted;
    SELECT q.storage_used - coalesce(sum(f.size), 0), q.messages_used - coalesce(sum(f.messages), 0)
      INTO storage_off, messages_off
      FROM folders f WHERE f.organization_id = org AND f.mailbox_id = box;
    IF storage_off <> 0 OR messages_off <> 0 THEN
        UPDATE quotas SET storage_used = storage_used - storage_off, messages_used = messages_used - messages_off
         WHERE organization_id = org AND mailbox_id = box;
        UPDATE quota_stripes s SET storage_used = s.storage_used - storage_off,
                                   messages_used = s.messages_used - messages_off
         WHERE s.organization_id = org AND s.root IN (q.user_root, q.domain_root) AND s.stripe = 0;
        PERFORM note_mailbox_level(org, box);
        FOREACH one IN ARRAY array_remove(ARRAY[q.user_root, q.domain_root], NULL) LOOP
            PERFORM divide_room(org, one, 0);
        END LOOP;
    END IF;
END $$;

-- Sets the usage of a root above mailboxes to the sum of theirs. Who holds all stripes keeps every writer below out.
CREATE FUNCTION recount_root(org bigint, r text, OUT storage_off bigint, OUT messages_off bigint)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_stripes(org, r);
    SELECT u.storage_used - coalesce(sum(q.storage_used), 0), u.messages_used - coalesce(sum(q.messages_used), 0)
      INTO storage_off, messages_off
      FROM quota_root_usage(org, r) u
      LEFT JOIN quotas q ON q.organization_id = org AND r IN (q.user_root, q.domain_root)
     GROUP BY u.storage_used, u.messages_used;
    UPDATE quota_stripes s SET storage_used = s.storage_used - storage_off,
                               messages_used = s.messages_used - messages_off
     WHERE s.organization_id = org AND s.root = r AND s.stripe = 0;
    PERFORM divide_room(org, r, 0);
END $$;
