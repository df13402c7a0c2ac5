-- The change log: what a view has to learn since a modseq.

-- One row per command that changed a group. sets of UIDs; what a row says stays true for ever.
CREATE TABLE changes (
    organization_id bigint NOT NULL,
    group_id        bigint NOT NULL,
    modseq          bigint NOT NULL,
    changed_at      timestamptz NOT NULL DEFAULT now(),
    added           int8multirange NOT NULL DEFAULT '{}',
    flagged         int8multirange NOT NULL DEFAULT '{}',
    expunged        int8multirange NOT NULL DEFAULT '{}',
    PRIMARY KEY (organization_id, group_id, modseq)
);
-- The log is kept for a while. Rows lie in the order of their time, so a few pages of an index find the old ones.
CREATE INDEX changes_by_time ON changes USING brin (changed_at) WITH (pages_per_range = 32);

-- What a view of a group (the whole group, or one folder of it) has to learn since a modseq. modseq is null where the
-- group is gone. uids and the arrays beside it are the rows that came or changed, in order of uid.
CREATE TYPE news AS (
    modseq          bigint,
    uid_next        bigint,
    keywords        text[],
    whole           boolean,            -- the rows are all there are, not just the changed ones
    change_modseqs  bigint[],
    change_flagged  text[],             -- what each change re-flagged, an int8multirange each
    expunged        text,               -- an int8multirange
    uids            bytea,              -- of four octets, without a sign
    modseqs         bytea,
    flags           bytea,
    words           text,               -- keywords of each row, space-separated, on a line of its own
    content_ids     bytea,
    sizes           bytea,
    dates           bytea,
    zones           bytea
);

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
    SELECT string_agg(oidsend(m.uid::oid), ''), string_agg(int8send(m.modseq), ''), string_agg(int4send(m.flags), ''),
           string_agg(array_to_string(m.keywords, ' '), E'\n'), string_agg(int8send(m.content_id), ''),
           string_agg(int8send(m.size), ''), string_agg(int8send(m.internal_date), ''),
           string_agg(int2send(m.internal_zone), '')
      INTO n.uids, n.modseqs, n.flags, n.words, n.content_ids, n.sizes, n.dates, n.zones
      FROM messages_in(org, grp, folder, touched) m;
    RETURN n;
END $$;

-- Forgets what changed in a group before a moment, and all that came before that: who knows no more than that modseq is
-- told what is there now, and that all else has vanished. Returns how many rows went.
CREATE FUNCTION prune_changes(org bigint, grp bigint, before timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    upto bigint;
    gone bigint;
BEGIN
    PERFORM FROM folder_groups g WHERE g.organization_id = org AND g.group_id = grp FOR NO KEY UPDATE;
    SELECT max(c.modseq) INTO upto
      FROM changes c WHERE c.organization_id = org AND c.group_id = grp AND c.changed_at < before;
    UPDATE folder_groups g SET changes_floor = greatest(g.changes_floor, upto)
     WHERE g.organization_id = org AND g.group_id = grp AND upto IS NOT NULL;
    DELETE FROM changes c WHERE c.organization_id = org AND c.group_id = grp AND c.modseq <= upto;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
