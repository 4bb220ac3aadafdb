-- Keeps what the worker finds wrong with an account, in place of what it found before: {"faults": [...]}, none where all is right.
CREATE OR REPLACE FUNCTION note_faults(p_account uuid, p_faults jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
BEGIN
  DELETE FROM faults WHERE account = p_account;
  INSERT INTO faults (account, n, check_name, act, fault, found_at)
  SELECT p_account, f.n, f.fault->>'check', (f.fault->>'act')::bigint, f.fault->>'fault', clock_timestamp()
    FROM jsonb_array_elements(p_faults->'faults') WITH ORDINALITY AS f(fault, n);
END $$;

-- Notes how far the worker is, and when it has been through.
CREATE OR REPLACE FUNCTION watched(p_after uuid, p_over boolean) RETURNS void LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  UPDATE watching SET after = p_after, round_ended_at = CASE WHEN p_over THEN clock_timestamp() ELSE round_ended_at END
$$;
