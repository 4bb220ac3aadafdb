-- Makes durable what time has made true of accounts that nobody has touched (T4), the longest due first. Answers how many.
-- All in one transaction, so a caller asks for few at a time.
CREATE OR REPLACE FUNCTION sweep(p_limit int) RETURNS int LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  one uuid;
  done int := 0;
BEGIN
  FOR one IN SELECT account FROM (
    SELECT account FROM wallets WHERE due_at <= clock_timestamp() AND clock IS NULL ORDER BY due_at LIMIT p_limit) t ORDER BY account
  LOOP
    PERFORM enter(one);
    done := done + 1;
  END LOOP;
  RETURN done;
END $$;
