-- Makes durable what time has made true of accounts that nobody has touched (T4), the longest due first: renewals all at once, of the others a few, one by
-- one. Answers how many are up to now; where it is none, there is nothing more to do. All in one transaction, so a caller asks for few at a time.
CREATE OR REPLACE FUNCTION sweep(p_limit int) RETURNS int LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  these uuid[] := ARRAY(SELECT account FROM wallets WHERE due_at <= clock_timestamp() AND clock IS NULL ORDER BY due_at LIMIT p_limit);
BEGIN
  PERFORM renew_many(these);
  PERFORM enter(account) FROM (SELECT account FROM wallets WHERE account = ANY (these) AND due_at <= clock_timestamp() ORDER BY account LIMIT 20) still_due;
  RETURN count(*) FROM wallets WHERE account = ANY (these) AND due_at > clock_timestamp();
END $$;
