-- The balance after an act, as it was shown then: by the act's own sums and its version of the terms (L3).
CREATE OR REPLACE FUNCTION balance_after(a acts, p_as_of timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'as_of', p_as_of, 'sequence', a.sequence,
    'monthly', coalesce(a.monthly, 0), 'other', coalesce(a.other, 0), 'addon', coalesce(a.addon, 0),
    'held_monthly', coalesce(a.held_monthly, 0), 'held_other', coalesce(a.held_other, 0), 'held_addon', coalesce(a.held_addon, 0),
    'frozen_monthly', coalesce(a.frozen_monthly, 0), 'frozen_other', coalesce(a.frozen_other, 0), 'frozen_addon', coalesce(a.frozen_addon, 0),
    'others', others_after(a),
    'terms', (SELECT t.terms FROM terms t WHERE t.account = a.account AND t.version = a.terms))
$$;

-- The bucket between monthly and add-on, kind by kind: after the latest act from what the wallet and the open holds have, after an
-- earlier one (a replay, a look into the past) from the entries. Most accounts have none.
CREATE OR REPLACE FUNCTION others_after(a acts) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE w wallets;
BEGIN
  IF coalesce(a.other, 0) = 0 AND coalesce(a.held_other, 0) = 0 THEN RETURN '[]'; END IF;
  SELECT * INTO w FROM wallets WHERE account = a.account AND act = a.act;
  RETURN CASE WHEN w.act IS NULL THEN others_then(a) ELSE others_now(w) END;
END $$;

CREATE OR REPLACE FUNCTION others_now(w wallets) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'available', available, 'held', held) ORDER BY kind DESC), '[]')
    FROM (SELECT t.kind, sum(t.available) AS available, sum(t.held) AS held
            FROM (SELECT CASE substr(w.kinds, l.n::int, 1) WHEN 'p' THEN 'promo' WHEN 'c' THEN 'compensation' END AS kind, l.remaining AS available, 0 AS held
                    FROM unnest(w.remaining) WITH ORDINALITY AS l(remaining, n)
                  UNION ALL
                  SELECT g.kind, 0, e.amount
                    FROM holds h JOIN acts made ON made.account = h.account AND made.act = h.hold,
                         unnest(made.grants, made.amounts) AS e("grant", amount) JOIN grants g ON g.account = w.account AND g."grant" = e."grant"
                   WHERE h.account = w.account AND w.held_other > 0 AND g.kind IN ('promo', 'compensation')) t
           WHERE t.kind IS NOT NULL GROUP BY t.kind) k
   WHERE available > 0 OR held > 0
$$;

CREATE OR REPLACE FUNCTION others_then(a acts) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('kind', bucket, 'available', available, 'held', held) ORDER BY bucket DESC), '[]')
    FROM (SELECT e.bucket, sum(e.amount) AS available,
                 sum(e.moved * ((e.target = 'held')::int - (e.source = 'held')::int)) AS held
            FROM entries e WHERE e.account = a.account AND e.act <= a.act AND e.bucket IN ('promo', 'compensation') GROUP BY e.bucket) t
   WHERE available > 0 OR held > 0
$$;

-- The answer to the call that ended with this act: given when it is made, and again to every retry (S8).
CREATE OR REPLACE FUNCTION answer(p_account uuid, p_act bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'account', a.account, 'act', a.act, 'at', a.at, 'kind', a.kind, 'moves', a.moves, 'grants', a.grants, 'amounts', a.amounts,
    'buckets', (SELECT jsonb_agg(g.kind ORDER BY e.n) FROM unnest(a.grants) WITH ORDINALITY AS e("grant", n)
                  JOIN grants g ON g.account = a.account AND g."grant" = e."grant"),
    'amount', a.amount, 'of', a.of, 'operation', a.operation, 'quantity', a.quantity, 'details', a.details, 'reason', a.reason,
    'balance', balance_after(a, a.at))
    FROM acts a WHERE a.account = p_account AND a.act = p_act
$$;

-- An act as it was answered, to be read again.
CREATE OR REPLACE FUNCTION read_act(p_account uuid, p_act bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
  SELECT answer(p_account, p_act)
$$;

-- Several acts as they were answered, in the order in which they are asked for.
CREATE OR REPLACE FUNCTION read_acts(p_account uuid[], p_act bigint[]) RETURNS TABLE (answer jsonb)
LANGUAGE sql STABLE SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
  SELECT answer(asked.account, asked.act) FROM unnest(p_account, p_act) WITH ORDINALITY AS asked(account, act, n) ORDER BY asked.n
$$;

-- The same bucket after an act, to be read by itself.
CREATE OR REPLACE FUNCTION read_others(p_account uuid, p_act bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
  SELECT others_after(a) FROM acts a WHERE a.account = p_account AND a.act = p_act
$$;

-- What is known of an idempotency key: null, the first answer again, or a conflict (S8).
CREATE OR REPLACE FUNCTION recall(p_account uuid, p_key uuid, p_fingerprint bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  slot_now int := key_slot(clock_timestamp());
  k record;
BEGIN
  IF p_key IS NULL THEN RETURN NULL; END IF;
  SELECT fingerprint, act INTO k FROM keys
   WHERE account = p_account AND key = p_key AND slot IN (slot_now, (slot_now + 2) % 3) ORDER BY act DESC LIMIT 1;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF k.fingerprint <> p_fingerprint THEN RETURN jsonb_build_object('status', 'key_conflict'); END IF;
  RETURN jsonb_build_object('status', 'replayed', 'answer', answer(p_account, k.act));
END $$;

-- Keeps a key with the act that answers it (S8).
CREATE OR REPLACE FUNCTION remember(p_account uuid, p_key uuid, p_fingerprint bigint, p_act bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO keys (account, slot, key, fingerprint, act)
  SELECT p_account, key_slot(clock_timestamp()), p_key, p_fingerprint, p_act WHERE p_key IS NOT NULL
$$;

-- The answer to what was done before by another call: that is a replay too, and uses this call's key up (S8).
CREATE OR REPLACE FUNCTION done_before(p_account uuid, p_key uuid, p_fingerprint bigint, p_act bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  PERFORM remember(p_account, p_key, p_fingerprint, p_act);
  RETURN jsonb_build_object('status', 'replayed', 'answer', answer(p_account, p_act));
END $$;

-- Ends a call: saves the wallet, remembers the key, gives the answer: the act that was asked for, where another followed from it.
CREATE OR REPLACE FUNCTION finish(w wallets, p_key uuid, p_fingerprint bigint, p_act bigint DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  PERFORM save(w);
  PERFORM remember(w.account, p_key, p_fingerprint, coalesce(p_act, w.act));
  RETURN jsonb_build_object('status', 'done', 'answer', answer(w.account, coalesce(p_act, w.act)));
END $$;

-- A refusal for want of credits, with everything that the caller needs to know (S4).
CREATE OR REPLACE FUNCTION short_of(w wallets, p_needed bigint) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object('status', 'insufficient', 'needed', p_needed, 'available', w.monthly + w.other + w.addon,
                            'held', w.held_monthly + w.held_other + w.held_addon)
$$;
