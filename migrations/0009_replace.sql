-- REPLACE (RFC 8508): takes out the message that another one takes the place of, within the statement that stores that.
-- Returns the target, for append_messages(), which is evaluated after it. Raises IM004 where there is no such folder,
-- IM007 where the message is gone.
CREATE FUNCTION remove_replaced(org bigint, grp bigint, folder bigint, replaced bigint, target bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    targets int8multirange := int8multirange(int8range(replaced, replaced + 1));
    target_group bigint;
    gone bigint[];
BEGIN
    SELECT f.group_id INTO target_group FROM folders f
     WHERE f.organization_id = org AND f.folder_id = target FOR KEY SHARE;
    IF target_group IS NULL THEN
        RAISE EXCEPTION 'no such folder' USING ERRCODE = 'IM004';
    END IF;
    PERFORM FROM folder_groups g WHERE g.organization_id = org AND g.group_id IN (grp, target_group)
      ORDER BY g.group_id FOR NO KEY UPDATE;
    PERFORM prepare_move(org, grp, folder, targets, target, true);
    gone := remove_messages(org, grp, folder, targets, false);
    IF gone IS NULL THEN
        RAISE EXCEPTION 'the message is gone' USING ERRCODE = 'IM007';
    END IF;
    INSERT INTO changes (organization_id, group_id, modseq, expunged)
    SELECT org, grp, t.now_modseq, uid_set(gone) FROM take_uids(org, grp, 0) t;
    RETURN target;
END $$;
