-- Sums up what is new of the next accounts in the round, each act once, and says whether the round is complete: then `days` has everything that was
-- written before the round began. A call sums up a few thousand acts at most, so that it is short: what an account has beyond that is left to the
-- next calls. What is low is below the catalog's `low_balance`; without one, an account that has nothing.
CREATE OR REPLACE FUNCTION sum_up(p_limit int) RETURNS boolean LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  round summing;
  below bigint := coalesce((SELECT low_balance FROM announcing WHERE one), 1);
  most CONSTANT bigint := 2000; -- acts of all accounts together, and of each
  seen record;
BEGIN
  INSERT INTO summing AS s (one, began_at) VALUES (true, clock_timestamp())
  ON CONFLICT (one) DO UPDATE SET began_at = CASE WHEN s.after IS NULL THEN clock_timestamp() ELSE s.began_at END RETURNING * INTO round;
  WITH batch AS MATERIALIZED (
    SELECT w.account, w.at, a.test, w.available, w.latest, least(w.latest, w.done + most) AS act, w.stale, w.looked_at
      FROM (SELECT w.account, w.at, w.monthly + w.other + w.addon AS available, w.act AS latest, coalesce(s.act, 0) AS done,
                   s.act IS DISTINCT FROM w.act OR s.low_below <> below AS stale, count(*) OVER () AS looked_at,
                   sum(w.act - coalesce(s.act, 0)) OVER (ORDER BY w.account ROWS UNBOUNDED PRECEDING) - (w.act - coalesce(s.act, 0)) AS before
              FROM (SELECT * FROM wallets WHERE account > coalesce(round.after, '00000000-0000-0000-0000-000000000000') ORDER BY account LIMIT p_limit) w
              LEFT JOIN summed s ON s.account = w.account) w
      JOIN accounts a ON a.account = w.account
     WHERE w.before < most
  ), taken AS (
    INSERT INTO summed AS s (account, act, before, test, at, available, low_below, low)
    SELECT account, act, 0, test, at, available, below, available < below FROM batch WHERE stale AND latest > 0
    ON CONFLICT (account) DO UPDATE SET before = s.act, act = excluded.act, at = excluded.at, available = excluded.available,
       low_below = excluded.low_below, low = excluded.low
     WHERE s.act < excluded.act OR s.low_below <> excluded.low_below
    RETURNING account, before, act, test
  ), entry AS MATERIALIZED ( -- summed up before anything is looked up: an account moves few of its grants, over and over
    SELECT t.account, t.test, a.day, e."grant", e.letter, sum(e.amount)::bigint AS amount
      FROM taken t
     CROSS JOIN LATERAL (SELECT a.*, date_trunc('day', a.at, 'UTC') AS day FROM acts a WHERE a.account = t.account AND a.act > t.before AND a.act <= t.act) a
     CROSS JOIN LATERAL unnest(a.grants, a.amounts, string_to_array(a.moves, NULL)) AS e("grant", amount, letter)
     GROUP BY 1, 2, 3, 4, 5
  ), moved AS (
    SELECT e.day, e.test, CASE WHEN g.kind IN ('monthly', 'addon') THEN g.kind ELSE 'other' END AS bucket, m.source, m.target, sum(e.amount)::bigint AS amount
      FROM entry e
      JOIN moves m ON m.letter = e.letter
     CROSS JOIN LATERAL (SELECT kind FROM grants WHERE account = e.account AND "grant" = e."grant" LIMIT 1) g -- by its key, however many the planner expects
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
  SELECT (array_agg(account ORDER BY account DESC) FILTER (WHERE latest = act))[1] AS last,
         coalesce(bool_or(latest > act) OR count(*) < max(looked_at) OR max(looked_at) = p_limit, false) AS more INTO seen FROM batch;
  UPDATE summing SET after = CASE WHEN seen.more THEN coalesce(seen.last, after) END, as_of = CASE WHEN seen.more THEN as_of ELSE began_at END;
  RETURN NOT seen.more;
END $$;
