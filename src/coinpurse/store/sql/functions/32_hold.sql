-- Sets credits aside for work that can fail (H1).
CREATE OR REPLACE FUNCTION hold(
  p_account uuid, p_key uuid, p_fingerprint bigint, p_amount bigint, p_expires_in int, p_operation text, p_quantity bigint, p_details jsonb, p_actor text
) RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  w wallets := enter(p_account);
  known jsonb := recall(p_account, p_key, p_fingerprint);
  until timestamptz := w.at + make_interval(secs => p_expires_in);
  b record;
BEGIN
  IF w.account IS NULL THEN RETURN jsonb_build_object('status', 'no_account'); END IF;
  IF known IS NOT NULL THEN RETURN known; END IF;
  IF p_amount > w.monthly + w.other + w.addon THEN RETURN short_of(w, p_amount); END IF;
  b := burn(w, p_amount);
  w := post(w, 'hold', repeat('h', cardinality(b.grants)), b.grants, b.amounts, p_amount => p_amount, p_actor => p_actor,
            p_operation => p_operation, p_quantity => p_quantity,
            p_details => coalesce(p_details, '{}') || jsonb_build_object('expires_at', until));
  INSERT INTO holds (account, hold, expires_at) VALUES (w.account, w.act, until);
  w.due_at := least(w.due_at, until);
  RETURN finish(w, p_key, p_fingerprint);
END $$;

-- How a hold ended, or null while it is open.
CREATE OR REPLACE FUNCTION hold_end(p_account uuid, p_hold bigint) RETURNS acts LANGUAGE sql STABLE AS $$
  SELECT a FROM acts a WHERE a.account = p_account AND a.of = p_hold AND a.kind IN ('capture', 'release', 'timeout')
$$;

-- What to do with a hold's credits when `p_spend` of them are spent: first-taken first spent, the rest given back last-taken first (H2),
-- to where each grant can still take it (H4).
CREATE OR REPLACE FUNCTION unhold(p_account uuid, p_hold bigint, p_spend bigint, OUT moves text, OUT grants bigint[], OUT amounts bigint[])
LANGUAGE sql STABLE AS $$
  WITH part AS (
    SELECT e."grant", e.amount, e.n, (sum(e.amount) OVER (ORDER BY e.n) - e.amount)::bigint AS before
      FROM acts a, unnest(a.grants, a.amounts) WITH ORDINALITY AS e("grant", amount, n) WHERE a.account = p_account AND a.act = p_hold
  ), done AS (
    SELECT 'k' AS letter, "grant", least(amount, p_spend - before) AS amount, n AS turn FROM part WHERE before < p_spend
    UNION ALL
    SELECT CASE WHEN g.closed = 'expired' THEN 'l' WHEN g.closed = 'revoked' THEN 'w' WHEN g.frozen IS NOT NULL THEN 'q' ELSE 'r' END,
           p."grant", least(p.amount, p.before + p.amount - p_spend), 1000000 - p.n
      FROM part p JOIN grants g ON g.account = p_account AND g."grant" = p."grant" WHERE p.before + p.amount > p_spend
  )
  SELECT coalesce(string_agg(letter, '' ORDER BY turn), ''), coalesce(array_agg("grant" ORDER BY turn), '{}'), coalesce(array_agg(amount ORDER BY turn), '{}') FROM done
$$;

-- An answer about a hold: the act that ended it, beside the one that made it.
CREATE OR REPLACE FUNCTION with_hold(p_result jsonb, p_account uuid, p_hold bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT p_result || jsonb_build_object('made', answer(p_account, p_hold))
$$;

-- A hold as it stands: the act that ended it, or the one that made it while it is open.
CREATE OR REPLACE FUNCTION read_hold(p_account uuid, p_hold bigint) RETURNS jsonb LANGUAGE sql STABLE SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
  SELECT jsonb_build_object('made', answer(p_account, p_hold), 'answer', answer(p_account, coalesce((hold_end(p_account, p_hold)).act, p_hold)))
   WHERE EXISTS (SELECT FROM acts WHERE account = p_account AND act = p_hold AND kind = 'hold')
$$;

-- Spends a hold, or part of it, or (only where asked for) more than it (H2).
CREATE OR REPLACE FUNCTION capture(
  p_account uuid, p_hold bigint, p_key uuid, p_fingerprint bigint, p_amount bigint, p_exceed boolean, p_actor text
) RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  w wallets := enter(p_account);
  known jsonb := recall(p_account, p_key, p_fingerprint);
  held acts;
  ended acts;
  spend bigint;
  back record;
  more record;
BEGIN
  IF known IS NOT NULL THEN RETURN with_hold(known, p_account, p_hold); END IF;
  SELECT * INTO held FROM acts WHERE account = p_account AND act = p_hold AND kind = 'hold';
  IF NOT FOUND THEN RETURN jsonb_build_object('status', 'no_hold'); END IF;
  spend := coalesce(p_amount, held.amount);
  ended := hold_end(p_account, p_hold);
  IF ended.act IS NOT NULL THEN
    IF ended.kind = 'capture' AND ended.amount = spend THEN
      RETURN with_hold(done_before(p_account, p_key, p_fingerprint, ended.act), p_account, p_hold);
    END IF;
    RETURN jsonb_build_object('status', 'hold_closed', 'ended', ended.kind, 'amount', ended.amount);
  END IF;
  IF spend > held.amount AND NOT p_exceed THEN
    RETURN jsonb_build_object('status', 'exceeds_hold', 'held', held.amount, 'asked', spend);
  END IF;
  IF spend - held.amount > w.monthly + w.other + w.addon THEN
    RETURN short_of(w, spend - held.amount) || jsonb_build_object('held', w.held_monthly + w.held_other + w.held_addon - held.amount);
  END IF;
  back := unhold(p_account, p_hold, least(spend, held.amount));
  more := burn(w, spend - held.amount);
  DELETE FROM holds WHERE account = p_account AND hold = p_hold;
  w := post(w, 'capture', back.moves || repeat('c', cardinality(more.grants)), back.grants || more.grants, back.amounts || more.amounts,
            p_of => p_hold, p_amount => spend, p_actor => p_actor,
            p_operation => held.operation, p_quantity => held.quantity, p_details => held.details);
  RETURN with_hold(finish(collect(w), p_key, p_fingerprint, w.act), p_account, p_hold);
END $$;

-- Gives a hold back, whole (H3). `p_kind` is release, or timeout when time does it. The caller collects what is owed of it.
CREATE OR REPLACE FUNCTION let_go(w wallets, p_hold bigint, p_kind text, p_actor text) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE back record := unhold(w.account, p_hold, 0);
BEGIN
  DELETE FROM holds WHERE account = w.account AND hold = p_hold;
  RETURN post(w, p_kind, back.moves, back.grants, back.amounts, p_of => p_hold, p_amount => 0, p_actor => p_actor);
END $$;

CREATE OR REPLACE FUNCTION release(p_account uuid, p_hold bigint, p_key uuid, p_fingerprint bigint, p_actor text)
RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  w wallets := enter(p_account);
  known jsonb := recall(p_account, p_key, p_fingerprint);
  ended acts;
BEGIN
  IF known IS NOT NULL THEN RETURN with_hold(known, p_account, p_hold); END IF;
  IF NOT EXISTS (SELECT FROM acts WHERE account = p_account AND act = p_hold AND kind = 'hold') THEN
    RETURN jsonb_build_object('status', 'no_hold');
  END IF;
  ended := hold_end(p_account, p_hold);
  IF ended.kind = 'release' THEN
    RETURN with_hold(done_before(p_account, p_key, p_fingerprint, ended.act), p_account, p_hold);
  END IF;
  IF ended.act IS NOT NULL THEN RETURN jsonb_build_object('status', 'hold_closed', 'ended', ended.kind, 'amount', ended.amount); END IF;
  w := let_go(w, p_hold, 'release', p_actor);
  RETURN with_hold(finish(collect(w), p_key, p_fingerprint, w.act), p_account, p_hold);
END $$;
