-- Accounts as they stand now, by their place in the question: one look at a row each, at any age. Of one that is `due` by time only that. What promotional
-- and compensation credits there are is told kind by kind (`others`), where there are any; what else a balance shows stands in the row of `terms`.
CREATE OR REPLACE FUNCTION balances(p_account uuid[]) RETURNS TABLE (
  request int, due boolean, at timestamptz, sequence bigint, terms bigint,
  monthly bigint, other bigint, addon bigint, held_monthly bigint, held_other bigint, held_addon bigint,
  frozen_monthly bigint, frozen_other bigint, frozen_addon bigint, others jsonb, live bigint[], kinds text, remaining bigint[]
) LANGUAGE plpgsql STABLE SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT r.request::int, w.due_at <= now.at, now.at, w.sequence, w.terms, w.monthly::bigint, w.other::bigint, w.addon::bigint,
         w.held_monthly::bigint, w.held_other::bigint, w.held_addon::bigint, w.frozen_monthly::bigint, w.frozen_other::bigint, w.frozen_addon::bigint,
         CASE WHEN w.other > 0 OR w.held_other > 0 THEN others_now(w) END, w.live, w.kinds, w.remaining
    FROM unnest(p_account) WITH ORDINALITY AS r(account, request)
    JOIN wallets w ON w.account = r.account
   CROSS JOIN LATERAL (SELECT coalesce(w.clock, greatest(w.at, clock_timestamp())) AS at) now;
END $$;

-- The number of the last act at or before an instant; 0 where there is none. Acts have no gaps and never go back in time, so halving finds it.
CREATE OR REPLACE FUNCTION act_at(p_account uuid, p_at timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
  low bigint := 0;
  high bigint := (SELECT act FROM wallets WHERE account = p_account);
  middle bigint;
BEGIN
  WHILE low < high LOOP
    middle := (low + high + 1) / 2;
    IF (SELECT at FROM acts WHERE account = p_account AND act = middle) <= p_at THEN low := middle; ELSE high := middle - 1; END IF;
  END LOOP;
  RETURN low;
END $$;

-- The balance at a past instant, equal to what was shown then (L3). `future` where the instant has not come.
CREATE OR REPLACE FUNCTION balance_at(p_account uuid, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  w wallets := enter(p_account);
  a acts;
BEGIN
  IF w.account IS NULL THEN RETURN jsonb_build_object('status', 'no_account'); END IF;
  IF p_at > w.at THEN RETURN jsonb_build_object('status', 'future', 'now', w.at); END IF;
  SELECT * INTO a FROM acts WHERE account = p_account AND act = act_at(p_account, p_at);
  IF a.act IS NULL THEN a.account := p_account; a.sequence := 0; END IF;
  RETURN jsonb_build_object('status', 'done', 'balance', balance_after(a, p_at));
END $$;

-- The number of the last act with an entry before an entry number (null: the last of all), found in the same way.
CREATE OR REPLACE FUNCTION act_before(p_account uuid, p_before bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
  low bigint := 0;
  high bigint := (SELECT act FROM wallets WHERE account = p_account);
  middle bigint;
BEGIN
  WHILE p_before IS NOT NULL AND low < high LOOP
    middle := (low + high + 1) / 2;
    IF (SELECT sequence - length(moves) + 1 FROM acts WHERE account = p_account AND act = middle) < p_before THEN low := middle; ELSE high := middle - 1; END IF;
  END LOOP;
  RETURN high;
END $$;

-- The ledger, newest first, before an entry number (null: from the newest). The acts of the page are found first: between their
-- numbers the view unfolds no more than the page needs, however old the account. (A bitmap would fetch all of its acts and sort them, and
-- looks cheap where most accounts have few.)
CREATE OR REPLACE FUNCTION entries_before(p_account uuid, p_before bigint, p_limit int) RETURNS SETOF entries
LANGUAGE plpgsql STABLE SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' SET enable_bitmapscan = off AS $$
DECLARE
  newest bigint := act_before(p_account, p_before);
  oldest bigint;
BEGIN
  SELECT min(act) INTO oldest FROM (
    SELECT a.act FROM acts a WHERE a.account = p_account AND a.act <= newest AND a.moves <> '' ORDER BY a.act DESC LIMIT p_limit) recent;
  RETURN QUERY
    SELECT e.* FROM entries e
     WHERE e.account = p_account AND e.act BETWEEN oldest AND newest AND (p_before IS NULL OR e.sequence < p_before)
     ORDER BY e.sequence DESC LIMIT p_limit;
END $$;

-- The next instant at which time will change an account.
CREATE OR REPLACE FUNCTION next_instant(p_account uuid) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
  SELECT coalesce((SELECT at FROM due(p_account)), 'infinity')
$$;

-- What was spent since an instant, by UTC day and bucket, and (`by_operation`) by operation with the number of charges. A reversal counts
-- against the day and operation of its charge. Of more than p_most acts only the latest are looked at, and `cut` says so.
CREATE OR REPLACE FUNCTION spent_since(p_account uuid, p_since timestamptz, p_most int)
RETURNS TABLE (by_operation boolean, operation text, day timestamptz, bucket text, charges bigint, credits bigint, cut boolean)
LANGUAGE plpgsql STABLE SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
  before bigint := act_at(p_account, p_since - interval '1 microsecond');
BEGIN
  RETURN QUERY
  WITH recent AS MATERIALIZED (
    SELECT a.act, a.at, a.kind, a.operation, a.moves, a.grants, a.amounts, a.of
      FROM acts a
     WHERE a.account = p_account AND a.act > before AND a.kind IN ('charge', 'capture', 'reverse')
     ORDER BY a.act DESC LIMIT p_most + 1
  ), made AS (
    SELECT r.at, r.operation, r.moves, r.grants, r.amounts, 1 AS charges FROM recent r WHERE r.kind <> 'reverse'
    UNION ALL
    SELECT c.at, c.operation, r.moves, r.grants, r.amounts, 0
      FROM recent r JOIN acts c ON c.account = p_account AND c.act = r.of AND c.act > before
     WHERE r.kind = 'reverse')
  SELECT grouping(made.operation) = 0, made.operation, date_trunc('day', made.at), g.kind,
         coalesce(sum(made.charges) FILTER (WHERE e.n = 1), 0)::bigint,
         sum(CASE WHEN m.source = 'spent' THEN -e.amount ELSE e.amount END)::bigint, (SELECT count(*) FROM recent) > p_most
    FROM made
   CROSS JOIN LATERAL unnest(made.grants, made.amounts, string_to_array(made.moves, NULL)) WITH ORDINALITY AS e("grant", amount, letter, n)
    JOIN moves m ON m.letter = e.letter AND 'spent' IN (m.source, m.target)
    JOIN grants g ON g.account = p_account AND g."grant" = e."grant"
   GROUP BY GROUPING SETS ((made.operation), (date_trunc('day', made.at), g.kind));
END $$;

-- Until when a subscription is paid.
CREATE OR REPLACE FUNCTION paid_until(p_account uuid, p_subscription bigint) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
  SELECT paid_through(s) FROM subscriptions s WHERE s.account = p_account AND s.subscription = p_subscription
$$;
