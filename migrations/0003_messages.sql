-- Contents, the messages that place them in folders, and sets of UIDs.

-- A distinct body within an organisation, parsed once, when it arrived. The octets lie in the blob store under sha256.
CREATE TABLE contents (
    organization_id bigint NOT NULL,
    content_id      bigint GENERATED ALWAYS AS IDENTITY,
    sha256          bytea NOT NULL,
    size            bigint NOT NULL,
    envelope        bytea NOT NULL,                 -- rendered as RFC 3501 envelope
    body            bytea NOT NULL,                 -- rendered body, without extension data
    body_structure  bytea NOT NULL,                 -- rendered body, with extension data
    parts           bytea NOT NULL,                 -- offsets of the MIME parts (imapd.mail.mime.parts)
    header          bytea NOT NULL,                 -- the header block with its empty line, cut at 256 KiB
    header_size     bigint NOT NULL,
    message_id      text NOT NULL DEFAULT '',
    refs            text NOT NULL DEFAULT '',       -- message ids of References, else In-Reply-To, space-separated
    thread_id       bigint NOT NULL,                -- which it is: thread_of()
    sent_at         bigint,                         -- Date: in seconds since 1970 UTC; null where it cannot be read
    sent_zone       smallint NOT NULL DEFAULT 0,    -- minutes east of UTC
    base_subject    text NOT NULL DEFAULT '',       -- RFC 5256 section 2.1, case-folded
    is_reply        boolean NOT NULL DEFAULT false, -- the subject has the marks of a reply or a forward (there, too)
    sort_from       text NOT NULL DEFAULT '',       -- addr-mailbox of the first address, case-folded
    sort_to         text NOT NULL DEFAULT '',
    sort_cc         text NOT NULL DEFAULT '',
    display_from    text NOT NULL DEFAULT '',       -- RFC 5957
    display_to      text NOT NULL DEFAULT '',
    subject         text NOT NULL DEFAULT '',       -- decoded and case-folded, for SEARCH; so the next six
    from_text       text NOT NULL DEFAULT '',
    to_text         text NOT NULL DEFAULT '',
    cc_text         text NOT NULL DEFAULT '',
    bcc_text        text NOT NULL DEFAULT '',
    header_text     text NOT NULL DEFAULT '',       -- '\nname: value\nname: value\n'
    body_text       text NOT NULL DEFAULT '',       -- text and message parts
    preview         text NOT NULL DEFAULT '',       -- RFC 8970, at most 200 characters
    parsed_by       smallint NOT NULL DEFAULT 1,    -- version of the parser
    last_used_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, content_id),
    UNIQUE (organization_id, sha256)
) WITH (toast_tuple_target = 512);
-- What FETCH, SORT and THREAD ask of whole mailboxes stays in the row, and so do the short texts of SEARCH: looking one up
-- elsewhere costs more than reading past it, and keeping it there costs a row more. The two long texts are kept apart.
ALTER TABLE contents
    ALTER COLUMN sha256 SET STORAGE MAIN,
    ALTER COLUMN envelope SET STORAGE MAIN,
    ALTER COLUMN body SET STORAGE MAIN,
    ALTER COLUMN body_structure SET STORAGE MAIN,
    ALTER COLUMN parts SET STORAGE MAIN,
    ALTER COLUMN header SET STORAGE MAIN,
    ALTER COLUMN message_id SET STORAGE MAIN,
    ALTER COLUMN refs SET STORAGE MAIN,
    ALTER COLUMN base_subject SET STORAGE MAIN,
    ALTER COLUMN sort_from SET STORAGE MAIN,
    ALTER COLUMN sort_to SET STORAGE MAIN,
    ALTER COLUMN sort_cc SET STORAGE MAIN,
    ALTER COLUMN display_from SET STORAGE MAIN,
    ALTER COLUMN display_to SET STORAGE MAIN,
    ALTER COLUMN subject SET STORAGE MAIN,
    ALTER COLUMN from_text SET STORAGE MAIN,
    ALTER COLUMN to_text SET STORAGE MAIN,
    ALTER COLUMN cc_text SET STORAGE MAIN,
    ALTER COLUMN bcc_text SET STORAGE MAIN,
    ALTER COLUMN preview SET STORAGE MAIN;

-- A message of a folder: thin, so that a flag change stays a HOT update. flags: 1 \Answered 2 \Flagged 4 \Deleted 8
-- \Seen 16 \Draft.
CREATE TABLE messages (
    organization_id bigint NOT NULL,
    group_id        bigint NOT NULL,
    uid             bigint NOT NULL,
    folder_id       bigint NOT NULL,
    modseq          bigint NOT NULL,
    content_id      bigint NOT NULL,
    size            bigint NOT NULL,
    internal_date   bigint NOT NULL,                -- seconds since 1970 UTC
    internal_zone   smallint NOT NULL,              -- minutes east of UTC
    flags           integer NOT NULL,
    keywords        text[] NOT NULL DEFAULT '{}',
    saved_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, group_id, uid)
) WITH (fillfactor = 50);

-- A set of uids as ranges; most are one run.
CREATE FUNCTION uid_set(uids bigint[]) RETURNS int8multirange
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    low bigint;
    high bigint;
BEGIN
    IF cardinality(uids) = 1 THEN
        RETURN int8multirange(int8range(uids[1], uids[1] + 1));
    END IF;
    SELECT min(u), max(u) INTO low, high FROM unnest(uids) u;
    IF low IS NULL THEN
        RETURN '{}';
    ELSIF high - low + 1 = cardinality(uids) THEN
        RETURN int8multirange(int8range(low, high + 1));
    END IF;
    RETURN (SELECT range_agg(int8range(u, u + 1)) FROM unnest(uids) u);
END $$;

CREATE FUNCTION uid_count(uids int8multirange) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(uids) r
$$;

-- The messages of a view whose uids lie in targets: of a whole group (folder is null) without what is hidden, or of one
-- folder of it. Found through the primary key range by range. OFFSET 0: the planner cannot know how narrow a range is,
-- and would else read the whole group for one message.
CREATE FUNCTION messages_in(org bigint, grp bigint, folder bigint, targets int8multirange)
RETURNS TABLE (place tid, uid bigint, folder_id bigint, modseq bigint, content_id bigint, size bigint,
               internal_date bigint, internal_zone smallint, flags integer, keywords text[])
LANGUAGE sql STABLE AS $$
    SELECT m.* FROM unnest(targets) r CROSS JOIN LATERAL (
        SELECT m.ctid, m.uid, m.folder_id, m.modseq, m.content_id, m.size, m.internal_date, m.internal_zone, m.flags,
               m.keywords
          FROM messages m
         WHERE m.organization_id = org AND m.group_id = grp
           AND m.uid >= lower(r) AND m.uid < coalesce(upper(r), 9223372036854775807)
           AND CASE WHEN folder IS NULL
                    THEN m.folder_id <> ALL ((SELECT g.hidden FROM folder_groups g
                                               WHERE g.organization_id = org AND g.group_id = grp)::bigint[])
                    ELSE m.folder_id = folder END
         ORDER BY m.uid OFFSET 0) m
$$;
