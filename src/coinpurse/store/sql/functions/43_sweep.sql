-- Accounts that are due and that nobody has touched, the longest due first: where the sweep goes, nothing to rely on. Asked for by the hundred, since what was
-- swept a moment ago may be in the way.
CREATE OR REPLACE FUNCTION due_accounts(p_limit int) RETURNS SETOF uuid LANGUAGE sql STABLE SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
  SELECT account FROM wallets WHERE due_at <= clock_timestamp() AND clock IS NULL ORDER BY due_at LIMIT p_limit
$$;

-- Makes durable what time has made true of some accounts (T4): periods that begin all at once, the rest one by one. Answers how many are up to now. All in
-- one transaction, so a caller gives few.
CREATE OR REPLACE FUNCTION sweep(p_accounts uuid[]) RETURNS int LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
BEGIN
  PERFORM renew_many(p_accounts);
  PERFORM enter(account) FROM (SELECT account FROM wallets WHERE account = ANY (p_accounts) AND due_at <= clock_timestamp() ORDER BY account) still_due;
  RETURN count(*) FROM wallets WHERE account = ANY (p_accounts) AND due_at > clock_timestamp();
END $$;
