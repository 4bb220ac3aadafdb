-- Empties the keys' table that will be used next, where there is something in it: it was last written 35 days ago or more. A busy
-- table is left for another time, and none is touched near the instant at which they change places.
CREATE OR REPLACE FUNCTION forget_keys() RETURNS void LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
  following text := 'keys_' || (key_slot(clock_timestamp()) + 1) % 3;
  filled boolean;
BEGIN
  IF key_slot(clock_timestamp() - interval '1 hour') <> key_slot(clock_timestamp() + interval '1 hour') THEN RETURN; END IF;
  EXECUTE format('SELECT EXISTS (SELECT FROM %I)', following) INTO filled;
  IF filled THEN EXECUTE format('TRUNCATE %I', following); END IF;
EXCEPTION WHEN lock_not_available THEN NULL;
END $$;
