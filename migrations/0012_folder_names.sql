-- How the standard folders of new mailboxes in a domain are called: in a language, and single ones otherwise.

ALTER TABLE domains
    ADD COLUMN folders_language text NOT NULL DEFAULT 'en',
    ADD COLUMN folder_names     jsonb NOT NULL DEFAULT '{}';    -- {"\\Sent": "Outbox"}: goes before the language

-- One folder of a mailbox is for one use. Raises IM008 where a new one is to be for what another is for; one that comes
-- from another mailbox is an ordinary folder then.
CREATE FUNCTION one_folder_for_one_use() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM folders f
                WHERE f.organization_id = NEW.organization_id AND f.mailbox_id = NEW.mailbox_id
                  AND f.special_use = NEW.special_use AND f.folder_id <> NEW.folder_id) THEN
        IF TG_OP = 'INSERT' THEN
            RAISE EXCEPTION 'another folder is for that' USING ERRCODE = 'IM008';
        END IF;
        NEW.special_use := NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER one_folder_for_one_use BEFORE INSERT OR UPDATE OF mailbox_id ON folders
    FOR EACH ROW WHEN (NEW.special_use IS NOT NULL) EXECUTE FUNCTION one_folder_for_one_use();
