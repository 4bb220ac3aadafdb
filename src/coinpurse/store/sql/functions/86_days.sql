-- Sums up what is new of the next accounts in the round, each act once, and says whether the round is complete: then `days` has everything that was
-- written before the round began. An account with very many new acts is summed up in several calls. What is low is below the catalog's
-- `low_balance`; without one, an account that has nothing.
CREATE OR REPLACE FUNCTION sum_up(p_limit int) RETURNS boolean LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  round summing;
  below bigint := coalesce((SELECT low_balance FROM announcing WHERE one), 1);
  seen record;
BEGIN
  INSERT INTO summing AS s (one, began_at) VALUES (true, clock_timestamp())
  ON CONFLICT (one) DO UPDATE SET began_at = CASE WHEN s.after IS NULL THEN clock_timestamp() ELSE s.began_at END RETURNING * INTO round;
  WITH batch AS MATERIALIZED (
    SELECT w.account, w.at, a.test, w.monthly + w.other + w.addon AS available, w.act AS latest, least(w.act, coalesce(s.act, 0) + 50000) AS act,
           s.act IS DISTINCT FROM w.act OR s.low_below <> below AS stale
      FROM (SELECT * FROM wallets WHERE account > coalesce(round.after, '00000000-0000-0000-0000-000000000000') ORDER BY account LIMIT p_limit) w
      JOIN accounts a ON a.account = w.account LEFT JOIN summed s ON s.account = w.account
  ), taken AS (
    INSERT INTO summed AS s (account, act, before, test, at, available, low_below, low)
    SELECT account, act, 0, test, at, available, below, available < below FROM batch WHERE stale AND latest > 0
    ON CONFLICT (account) DO UPDATE SET before = s.act, act = excluded.act, at = excluded.at, available = excluded.available,
       low_below = excluded.low_below, low = excluded.low
     WHERE s.act < excluded.act OR s.low_below <> excluded.low_below
    RETURNING account, before, act, test
  ), moved AS (
    SELECT date_trunc('day', a.at, 'UTC') AS day, t.test, CASE WHEN g.kind IN ('monthly', 'addon') THEN g.kind ELSE 'other' END AS bucket,
           m.source, m.target, sum(e.amount)::bigint AS amount
      FROM taken t JOIN acts a ON a.account = t.account AND a.act > t.before AND a.act <= t.act
     CROSS JOIN LATERAL unnest(a.grants, a.amounts, string_to_array(a.moves, NULL)) AS e("grant", amount, letter)
      JOIN moves m ON m.letter = e.letter
      JOIN grants g ON g.account = a.account AND g."grant" = e."grant"
     GROUP BY 1, 2, 3, 4, 5
  ), added AS (
    INSERT INTO days AS d (day, test, bucket, granted, spent, returned, expired, revoked)
    SELECT day, test, bucket, coalesce(sum(amount) FILTER (WHERE source = 'issued'), 0), coalesce(sum(amount) FILTER (WHERE target = 'spent'), 0),
           coalesce(sum(amount) FILTER (WHERE source = 'spent'), 0), coalesce(sum(amount) FILTER (WHERE target = 'expired'), 0),
           coalesce(sum(amount) FILTER (WHERE target = 'revoked'), 0) - coalesce(sum(amount) FILTER (WHERE source = 'revoked'), 0)
      FROM moved GROUP BY 1, 2, 3
    ON CONFLICT (day, test, bucket) DO UPDATE SET granted = d.granted + excluded.granted, spent = d.spent + excluded.spent,
       returned = d.returned + excluded.returned, expired = d.expired + excluded.expired, revoked = d.revoked + excluded.revoked
  )
  SELECT count(*) AS accounts, (array_agg(account ORDER BY account DESC))[1] AS last, coalesce(bool_or(latest > act), false) AS more INTO seen FROM batch;
  UPDATE summing SET after = CASE WHEN seen.more THEN after WHEN seen.accounts = p_limit THEN seen.last END,
         as_of = CASE WHEN NOT seen.more AND seen.accounts < p_limit THEN began_at ELSE as_of END;
  RETURN NOT seen.more AND seen.accounts < p_limit;
END $$;
