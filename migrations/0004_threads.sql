-- Which thread (RFC 8474) a content belongs to.

-- The thread of each message id, of the one it answers and of the one that began it all. So answers are brought
-- together though what they answer came later, or never.
CREATE SEQUENCE thread_ids AS bigint;

CREATE TABLE thread_members (
    organization_id bigint NOT NULL,
    message_key     uuid NOT NULL,                  -- md5 of the message id
    thread_id       bigint NOT NULL,
    PRIMARY KEY (organization_id, message_key)
);

-- The thread of a new content, from its columns message_id and refs. What is known of its ids decides, its own first,
-- then the nearest one; a thread's id never changes. Keys are written in their order, so that two writers do not wait
-- for each other in a circle.
CREATE FUNCTION thread_of(org bigint, message_id text, refs text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    ids text[] := array_remove(ARRAY[message_id, substring(refs FROM '[^ ]+$'), substring(refs FROM '^[^ ]+')], NULL);
    id text;
    keys uuid[] := '{}';
    found_keys bigint;
    written bigint;
    thread bigint;
    made bigint;
BEGIN
    FOREACH id IN ARRAY ids LOOP
        IF id <> '' AND md5(id)::uuid <> ALL (keys) THEN
            keys := keys || md5(id)::uuid;
        END IF;
    END LOOP;
    IF keys = '{}' THEN
        RETURN nextval('thread_ids');
    END IF;
    SELECT count(*), (array_agg(t.thread_id ORDER BY array_position(keys, t.message_key)))[1] INTO found_keys, thread
      FROM thread_members t WHERE t.organization_id = org AND t.message_key = ANY (keys);
    IF found_keys = cardinality(keys) THEN
        RETURN thread;
    END IF;
    IF thread IS NULL THEN
        made := nextval('thread_ids');
    END IF;
    INSERT INTO thread_members AS t (organization_id, message_key, thread_id)
    SELECT org, k, coalesce(thread, made) FROM unnest(keys) k ORDER BY k
    ON CONFLICT (organization_id, message_key) DO NOTHING;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF made IS NOT NULL AND written < cardinality(keys) THEN
        -- Somebody else may have been first with one of them: then there is no need of a new thread.
        SELECT (array_agg(t.thread_id ORDER BY array_position(keys, t.message_key)))[1] INTO thread
          FROM thread_members t WHERE t.organization_id = org AND t.message_key = ANY (keys) AND t.thread_id <> made;
        IF thread IS NULL THEN
            RETURN made;
        END IF;
        UPDATE thread_members t SET thread_id = thread
         WHERE t.organization_id = org AND t.message_key = ANY (keys) AND t.thread_id = made;
    END IF;
    RETURN coalesce(thread, made);
END $$;
