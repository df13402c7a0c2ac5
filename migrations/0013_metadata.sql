-- Annotations of mailboxes and of the server (METADATA, RFC 5464). They go with their folder and with their user, and
-- stay with a folder that is renamed. A merged mailbox has each of its entries in every folder behind it.

CREATE TABLE metadata (
    organization_id bigint NOT NULL,
    folder_id       bigint,                         -- null: of the server
    user_id         bigint,                         -- null: shared
    place           bigint NOT NULL GENERATED ALWAYS AS (coalesce(folder_id, 0)) STORED,
    whose           bigint NOT NULL GENERATED ALWAYS AS (coalesce(user_id, 0)) STORED,
    entry           text NOT NULL,                  -- in lower case, '/private/…' or '/shared/…'
    value           bytea NOT NULL,
    PRIMARY KEY (organization_id, place, whose, entry),
    CHECK (starts_with(entry, '/private/') = (user_id IS NOT NULL)),
    FOREIGN KEY (organization_id, folder_id) REFERENCES folders ON DELETE CASCADE,
    FOREIGN KEY (organization_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX metadata_of_folder ON metadata (organization_id, folder_id);
CREATE INDEX metadata_of_user ON metadata (organization_id, user_id);

-- How much stands in one place: entries, and octets of names and values. A user's own entries have one limit of octets
-- for all places together, shared ones one for each folder.
CREATE FUNCTION metadata_used(org bigint, folder bigint, usr bigint, OUT entries bigint, OUT octets bigint)
LANGUAGE sql STABLE AS $$
    SELECT count(*) FILTER (WHERE m.place = coalesce(folder, 0)),
           coalesce(sum(octet_length(m.entry) + octet_length(m.value)), 0)::bigint
      FROM metadata m
     WHERE m.organization_id = org
       AND ((usr IS NOT NULL AND m.user_id = usr) OR (usr IS NULL AND m.user_id IS NULL AND m.folder_id = folder))
$$;

-- Sets entries of one folder (null: of the server) as one user, or removes those whose value is null. Raises IM003
-- where there would be too many of them and IM001 where they would be too large together.
CREATE FUNCTION change_metadata(org bigint, folder bigint, usr bigint, names text[], contents bytea[],
                                most_entries bigint, most_octets bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    one record;
    was record;
    used record;
BEGIN
    -- Whoever writes to the same place at the same time counts after us.
    PERFORM FROM folders f WHERE f.organization_id = org AND f.folder_id = folder FOR NO KEY UPDATE;
    IF folder IS NOT NULL AND NOT FOUND THEN
        RAISE EXCEPTION 'no such folder' USING ERRCODE = 'IM002';
    END IF;
    PERFORM FROM users u WHERE u.organization_id = org AND u.user_id = usr FOR NO KEY UPDATE;
    FOR one IN
        SELECT CASE WHEN starts_with(n, '/private/') THEN usr END AS whose,
               array_agg(n) AS names, array_agg(v) AS contents
          FROM unnest(names, contents) AS given(n, v) GROUP BY 1
    LOOP
        SELECT * INTO was FROM metadata_used(org, folder, one.whose);
        DELETE FROM metadata m
         WHERE m.organization_id = org AND m.place = coalesce(folder, 0) AND m.whose = coalesce(one.whose, 0)
           AND m.entry = ANY (one.names);
        INSERT INTO metadata (organization_id, folder_id, user_id, entry, value)
        SELECT org, folder, one.whose, n, v FROM unnest(one.names, one.contents) AS given(n, v) WHERE v IS NOT NULL;
        SELECT * INTO used FROM metadata_used(org, folder, one.whose);
        -- Who has too much since a limit was lowered may still take away and replace.
        IF used.entries > most_entries AND used.entries > was.entries THEN
            RAISE EXCEPTION 'too many annotations' USING ERRCODE = 'IM003';
        ELSIF used.octets > most_octets AND used.octets > was.octets THEN
            RAISE EXCEPTION 'annotations too large' USING ERRCODE = 'IM001';
        END IF;
    END LOOP;
END $$;
