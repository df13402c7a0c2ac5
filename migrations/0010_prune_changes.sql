-- The change log is kept for a while. Rows lie in the order of their time, so a few pages of an index find the old ones.
CREATE INDEX changes_by_time ON changes USING brin (changed_at) WITH (pages_per_range = 32);

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
