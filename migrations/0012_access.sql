-- Who may do what in mailboxes of others: lists of rights, per mailbox and per folder.

-- Who may do what in a mailbox (folder_id 0) or in one folder of it. rights: letters of RFC 4314.
CREATE TABLE shared_mailbox_access (
    organization_id bigint NOT NULL,
    mailbox_id      bigint NOT NULL,
    folder_id       bigint NOT NULL DEFAULT 0,
    grantee         text NOT NULL,                  -- 'u<user_id>', 'g<group name>' or 'anyone'
    rights          text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, mailbox_id, folder_id, grantee),
    FOREIGN KEY (organization_id, mailbox_id) REFERENCES mailboxes ON DELETE CASCADE
);
CREATE INDEX access_of_grantee ON shared_mailbox_access (organization_id, grantee);
CREATE INDEX access_of_folder ON shared_mailbox_access (organization_id, folder_id) WHERE folder_id <> 0;

-- The entries that count for a user: own, of groups, of anyone; as far as the organisation allows. An entry of a folder
-- stands in place of the one that the same grantee has in the whole mailbox, and may be empty: nothing there.
CREATE FUNCTION access_of(org bigint, usr bigint)
RETURNS TABLE (mailbox_id bigint, address text, folder_id bigint, grantee text, rights text)
LANGUAGE sql STABLE AS $$
    SELECT a.mailbox_id, m.local_part || '@' || d.name, a.folder_id, a.grantee, a.rights
      FROM (SELECT 'u' || usr AS grantee
            UNION ALL SELECT 'anyone'
            UNION ALL SELECT 'g' || g.name FROM user_group_members g
                       WHERE g.organization_id = org AND g.user_id = usr) who
      JOIN shared_mailbox_access a ON a.organization_id = org AND a.grantee = who.grantee
      JOIN mailboxes m ON m.organization_id = org AND m.mailbox_id = a.mailbox_id
      JOIN domains d ON d.domain_id = m.domain_id
      JOIN organizations o ON o.organization_id = org
     WHERE m.user_id IS DISTINCT FROM usr AND NOT m.disabled AND NOT d.disabled
       AND (a.grantee <> 'anyone' OR o.share_with_anyone)
       AND (o.share_across_domains OR EXISTS (
            SELECT FROM mailboxes own
             WHERE own.organization_id = org AND own.user_id = usr AND own.domain_id = m.domain_id
               AND NOT own.disabled))
$$;

-- Letters of rights once each, in the order of RFC 4314.
CREATE FUNCTION rights_in_order(letters text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(string_agg(letter, '' ORDER BY at), '')
      FROM string_to_table('lrswipkxtea', NULL) WITH ORDINALITY AS every(letter, at)
     WHERE position(letter IN letters) > 0
$$;

-- SETACL and DELETEACL (op '=' with no letters) of folders: op is '=', '+' or '-'. What then is as in the whole mailbox
-- needs no entry of its own.
CREATE FUNCTION change_access(org bigint, folder_ids bigint[], whom text, op text, letters text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    one record;
    made text;
BEGIN
    -- Before what is held is looked at: who adds and takes at the same time does so to what the other one has left.
    PERFORM FROM folders f WHERE f.organization_id = org AND f.folder_id = ANY (folder_ids)
      ORDER BY f.folder_id FOR NO KEY UPDATE;
    FOR one IN
        SELECT f.folder_id, f.mailbox_id, w.rights AS whole, coalesce(s.rights, w.rights, '') AS held
          FROM folders f
          LEFT JOIN shared_mailbox_access w ON w.organization_id = org AND w.mailbox_id = f.mailbox_id
               AND w.folder_id = 0 AND w.grantee = whom
          LEFT JOIN shared_mailbox_access s ON s.organization_id = org AND s.mailbox_id = f.mailbox_id
               AND s.folder_id = f.folder_id AND s.grantee = whom
         WHERE f.organization_id = org AND f.folder_id = ANY (folder_ids)
         ORDER BY f.folder_id
    LOOP
        made := rights_in_order(CASE op WHEN '+' THEN one.held || letters WHEN '=' THEN letters
                                        ELSE translate(one.held, letters, '') END);
        IF made = coalesce(one.whole, '') THEN
            DELETE FROM shared_mailbox_access a
             WHERE a.organization_id = org AND a.mailbox_id = one.mailbox_id AND a.folder_id = one.folder_id
               AND a.grantee = whom;
        ELSE
            INSERT INTO shared_mailbox_access (organization_id, mailbox_id, folder_id, grantee, rights)
            VALUES (org, one.mailbox_id, one.folder_id, whom, made)
            ON CONFLICT (organization_id, mailbox_id, folder_id, grantee) DO UPDATE SET rights = excluded.rights;
        END IF;
    END LOOP;
END $$;

-- A folder that goes into another mailbox takes its own entries along.
CREATE FUNCTION take_access_along() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE shared_mailbox_access a SET mailbox_id = NEW.mailbox_id
     WHERE a.organization_id = NEW.organization_id AND a.mailbox_id = OLD.mailbox_id AND a.folder_id = NEW.folder_id;
    RETURN NULL;
END $$;
CREATE TRIGGER take_access_along AFTER UPDATE OF mailbox_id ON folders
    FOR EACH ROW WHEN (OLD.mailbox_id IS DISTINCT FROM NEW.mailbox_id) EXECUTE FUNCTION take_access_along();
