-- The start of month `n` from an anchor (T1): reckoned from the anchor itself, clipped to the month's last day, in UTC
-- whatever the session's time zone.
CREATE OR REPLACE FUNCTION month_start(p_anchor timestamptz, p_month int) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ((p_anchor AT TIME ZONE 'UTC') + make_interval(months => p_month)) AT TIME ZONE 'UTC'
$$;

-- The table of idempotency keys in use at an instant; the one before it is (slot + 2) % 3 (S8).
CREATE OR REPLACE FUNCTION key_slot(p_now timestamptz) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ((extract(epoch FROM p_now)::bigint / 3024000) % 3)::int
$$;

-- Stops everything where something that can't be otherwise is otherwise.
CREATE OR REPLACE FUNCTION must(p_holds boolean, p_what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF p_holds IS NOT TRUE THEN RAISE EXCEPTION 'a fault in Coinpurse, nothing was done: it must hold that %', p_what USING ERRCODE = 'assert_failure'; END IF;
  RETURN true;
END $$;
