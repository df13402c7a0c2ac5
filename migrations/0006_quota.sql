-- Quota: limits and usage of mailboxes and of the roots above them (all mailboxes of a user, of a domain), thresholds
-- and their crossings. How usage changes stands in 0007, how limits do in 0008.
--
-- Usage changes in the transaction that changes the messages, in charge(). What all of a domain use together must not
-- be one row that its writers queue for: it lies in stripes, each with a share of the room that is left. A writer takes
-- room from any one stripe that nobody holds. Only where none has enough are all of them locked, in order, the total is
-- looked at, and the room divided anew. Room that expunges give back stays with the total until then: a stripe never
-- has more room than there is. No room is given out beyond the next threshold, so nobody can cross one unnoticed.
--
-- Locks: folder groups, then stripes, then rows of quotas.

-- Limits and usage of a mailbox. Null: unlimited. In `warned` the highest threshold that has been noted and not been
-- left since; `refused`: what made it 100 was a message that found no room.
CREATE TABLE quotas (
    organization_id bigint NOT NULL,
    mailbox_id      bigint NOT NULL,
    storage_limit   bigint,                         -- octets
    message_limit   bigint,
    folder_limit    bigint,
    storage_used    bigint NOT NULL DEFAULT 0,
    messages_used   bigint NOT NULL DEFAULT 0,
    user_root       text,                           -- the roots above, null where there are none
    domain_root     text,
    warned          smallint NOT NULL DEFAULT 0,
    refused         boolean NOT NULL DEFAULT false,
    PRIMARY KEY (organization_id, mailbox_id),
    FOREIGN KEY (organization_id, mailbox_id) REFERENCES mailboxes ON DELETE CASCADE
) WITH (fillfactor = 50);

-- A root above mailboxes: 'u<user_id>' or 'd<domain_id>'. Else as in quotas.
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

-- How much of a root is used, from its stripes.
CREATE FUNCTION quota_root_usage(org bigint, r text, OUT storage_used bigint, OUT messages_used bigint)
LANGUAGE sql STABLE AS $$
    SELECT sum(s.storage_used)::bigint, sum(s.messages_used)::bigint
      FROM quota_stripes s WHERE s.organization_id = org AND s.root = r
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

-- Thresholds in percent, ascending. The server sets them for its connections. (In plpgsql: the condition of a trigger is
-- planned anew by each statement, and one in SQL would be parsed with it.)
CREATE FUNCTION quota_thresholds() RETURNS integer[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce(nullif(current_setting('imapd.quota_thresholds', true), ''), '{80,95,100}')::integer[];
END $$;

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

-- Looks whether a mailbox has crossed a threshold, when all is done that the transaction does: on its way, a MOVE takes
-- out what it puts in again.
CREATE FUNCTION note_mailbox_level() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    org bigint := NEW.organization_id;
    box bigint := NEW.mailbox_id;
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
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER note_mailbox_level
    AFTER UPDATE OF storage_used, messages_used, storage_limit, message_limit ON quotas
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.warned > 0
          OR NEW.storage_limit IS NOT NULL AND NEW.storage_used * 100 >= (quota_thresholds())[1] * NEW.storage_limit
          OR NEW.message_limit IS NOT NULL AND NEW.messages_used * 100 >= (quota_thresholds())[1] * NEW.message_limit)
    EXECUTE FUNCTION note_mailbox_level();

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

-- How far beyond every limit may be stored, octets and messages: for the server's own warnings, within their
-- transaction.
CREATE FUNCTION quota_allowance() RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('imapd.quota_allowance', true), ''), '0')::bigint
$$;

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
