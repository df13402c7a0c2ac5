-- How limits are set, which roots a mailbox lies below, and how usage is counted anew.

-- The mailboxes below a root.
CREATE FUNCTION mailboxes_below(org bigint, r text) RETURNS SETOF bigint
LANGUAGE sql STABLE AS $$
    SELECT m.mailbox_id FROM mailboxes m
     WHERE starts_with(r, 'u') AND m.organization_id = org AND m.user_id = substr(r, 2)::bigint
    UNION ALL
    SELECT m.mailbox_id FROM mailboxes m
     WHERE starts_with(r, 'd') AND m.organization_id = org AND m.domain_id = substr(r, 2)::bigint
$$;

-- The roots that a mailbox lies below now.
CREATE FUNCTION roots_above(org bigint, box bigint, OUT user_root text, OUT domain_root text)
LANGUAGE sql STABLE AS $$
    SELECT u.root, d.root
      FROM mailboxes m
      LEFT JOIN quota_roots u ON u.organization_id = org AND u.root = 'u' || m.user_id
      LEFT JOIN quota_roots d ON d.organization_id = org AND d.root = 'd' || m.domain_id
     WHERE m.organization_id = org AND m.mailbox_id = box
$$;

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

-- Raises serialization_failure where roots have come or gone between the look at a mailbox's quota and the lock of it:
-- who tries again will see which stripes to lock.
CREATE FUNCTION same_roots(seen quotas, locked quotas) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF (seen.user_root, seen.domain_root) IS DISTINCT FROM (locked.user_root, locked.domain_root) THEN
        RAISE EXCEPTION 'the quota roots have changed' USING ERRCODE = 'serialization_failure';
    END IF;
END $$;

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
    seen quotas;
    was quotas;
    above record;
    one text;
BEGIN
    SELECT * INTO seen FROM quotas q WHERE q.organization_id = org AND q.mailbox_id = NEW.mailbox_id;
    SELECT * INTO above FROM roots_above(org, NEW.mailbox_id);
    PERFORM lock_stripes(org, r)
       FROM (SELECT DISTINCT r
               FROM unnest(ARRAY[seen.user_root, seen.domain_root, above.user_root, above.domain_root]) r
              WHERE r IS NOT NULL ORDER BY r DESC) roots;
    SELECT * INTO was FROM quotas q WHERE q.organization_id = org AND q.mailbox_id = NEW.mailbox_id FOR NO KEY UPDATE;
    PERFORM same_roots(seen, was);
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

-- Sets the counters of a mailbox's folders and its usage to what is there; one that has lost its quota gets one without
-- limits. Returns what usage was off by.
CREATE FUNCTION recount_mailbox(org bigint, box bigint, OUT storage_off bigint, OUT messages_off bigint)
LANGUAGE plpgsql AS $$
DECLARE
    seen quotas;
    q quotas;
    one text;
BEGIN
    PERFORM FROM folder_groups g WHERE g.organization_id = org AND g.group_id IN
        (SELECT f.group_id FROM folders f WHERE f.organization_id = org AND f.mailbox_id = box)
      ORDER BY g.group_id FOR NO KEY UPDATE;
    INSERT INTO quotas (organization_id, mailbox_id) VALUES (org, box) ON CONFLICT DO NOTHING;
    SELECT * INTO seen FROM quotas WHERE organization_id = org AND mailbox_id = box;
    PERFORM lock_stripes(org, r) FROM unnest(array_remove(ARRAY[seen.user_root, seen.domain_root], NULL)) r;
    SELECT * INTO q FROM quotas WHERE organization_id = org AND mailbox_id = box FOR NO KEY UPDATE;
    PERFORM same_roots(seen, q);
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
