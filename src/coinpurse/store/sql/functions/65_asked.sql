-- Keeps the key of an act that a payment provider has done (S8). What it led to may be several acts here, or none: the key stands with the
-- latest one.
CREATE OR REPLACE FUNCTION remember_asked(p_account uuid, p_key uuid, p_fingerprint bigint) RETURNS void
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE w wallets := enter(p_account);
BEGIN
  IF recall(p_account, p_key, p_fingerprint) IS NULL THEN PERFORM remember(p_account, p_key, p_fingerprint, w.act); END IF;
END $$;
