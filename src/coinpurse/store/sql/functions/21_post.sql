-- Writes one act with its entries, and carries them into the wallet `w`, which the caller saves. `p_moves` has a letter
-- per entry. Its hash ties it to all before it (L4). A negative remainder is a fault of ours and stops everything.
CREATE OR REPLACE FUNCTION post(
  w wallets, p_kind text, p_moves text DEFAULT '', p_grants bigint[] DEFAULT NULL, p_amounts bigint[] DEFAULT NULL,
  p_of bigint DEFAULT NULL, p_amount bigint DEFAULT NULL, p_actor text DEFAULT NULL, p_reason text DEFAULT NULL,
  p_operation text DEFAULT NULL, p_quantity bigint DEFAULT NULL, p_details jsonb DEFAULT NULL
) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE before bigint := w.monthly + w.other + w.addon;
BEGIN
  w.act := w.act + 1;
  w.sequence := w.sequence + length(p_moves);
  IF p_moves <> '' THEN w := carry(w, p_moves, p_grants, p_amounts); END IF;
  w.chain := link_to(w.account, w.chain, act_bytes(
    w.act, w.at, p_kind, p_moves, nullif(p_grants, '{}'), nullif(p_amounts, '{}'), p_amount, p_of, w.terms, p_operation, p_quantity, p_details, p_actor, p_reason)
    || CASE WHEN p_moves LIKE '%g%' THEN (SELECT grant_bytes(g) FROM grants g WHERE g.account = w.account AND g."grant" = w.act) ELSE '' END);
  INSERT INTO acts (account, act, sequence, at, kind, moves, grants, amounts, amount, of, terms, monthly, other, addon,
                    held_monthly, held_other, held_addon, frozen_monthly, frozen_other, frozen_addon,
                    operation, quantity, details, actor, reason, hash)
  VALUES (w.account, w.act, w.sequence, w.at, p_kind, p_moves, nullif(p_grants, '{}'), nullif(p_amounts, '{}'), p_amount, p_of, w.terms,
          nullif(w.monthly, 0), nullif(w.other, 0), nullif(w.addon, 0),
          nullif(w.held_monthly, 0), nullif(w.held_other, 0), nullif(w.held_addon, 0),
          nullif(w.frozen_monthly, 0), nullif(w.frozen_other, 0), nullif(w.frozen_addon, 0),
          p_operation, p_quantity, p_details, p_actor, p_reason, w.chain);
  IF EXISTS (SELECT FROM webhook_endpoints WHERE disabled_at IS NULL) THEN PERFORM announce(w, before); END IF;
  IF w.monthly + w.other + w.addon < w.top_up_below THEN PERFORM want_topup(w.account); END IF;
  RETURN w;
END $$;

-- What entries do to the wallet: its open grants in burn order (S3) and its sums.
CREATE OR REPLACE FUNCTION carry(w wallets, p_moves text, p_grants bigint[], p_amounts bigint[]) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE d record;
BEGIN
  WITH moved AS (
    SELECT e."grant", e.amount * m.sign AS available,
           e.amount * ((m.target = 'held')::int - (m.source = 'held')::int) AS held,
           e.amount * ((m.target = 'frozen')::int - (m.source = 'frozen')::int) AS frozen
      FROM unnest(p_grants, p_amounts, string_to_array(p_moves, NULL)) AS e("grant", amount, letter) JOIN moves m USING (letter)
  ), known AS (
    SELECT t."grant", sum(t.available)::bigint AS available, sum(t.held)::bigint AS held, sum(t.frozen)::bigint AS frozen
      FROM (SELECT * FROM moved UNION ALL SELECT l."grant", l.available, 0, 0 FROM unnest(w.live, w.remaining) AS l("grant", available)) t
     GROUP BY t."grant"
  ), placed AS (
    SELECT k.*, g.kind, row_number() OVER (ORDER BY CASE g.kind WHEN 'monthly' THEN 1 WHEN 'addon' THEN 3 ELSE 2 END,
                                                    g.priority, g.expires_at NULLS LAST, g."grant") AS turn
      FROM known k JOIN grants g ON g.account = w.account AND g."grant" = k."grant"
  )
  SELECT min(available) AS least,
         coalesce(array_agg("grant" ORDER BY turn) FILTER (WHERE available > 0), '{}') AS live,
         coalesce(string_agg(left(kind, 1), '' ORDER BY turn) FILTER (WHERE available > 0), '') AS kinds,
         coalesce(array_agg(available ORDER BY turn) FILTER (WHERE available > 0), '{}') AS remaining,
         coalesce(sum(available) FILTER (WHERE kind = 'monthly'), 0) AS monthly,
         coalesce(sum(available) FILTER (WHERE kind IN ('promo', 'compensation')), 0) AS other,
         coalesce(sum(available) FILTER (WHERE kind = 'addon'), 0) AS addon,
         coalesce(sum(held) FILTER (WHERE kind = 'monthly'), 0) AS held_monthly,
         coalesce(sum(held) FILTER (WHERE kind IN ('promo', 'compensation')), 0) AS held_other,
         coalesce(sum(held) FILTER (WHERE kind = 'addon'), 0) AS held_addon,
         coalesce(sum(frozen) FILTER (WHERE kind = 'monthly'), 0) AS frozen_monthly,
         coalesce(sum(frozen) FILTER (WHERE kind IN ('promo', 'compensation')), 0) AS frozen_other,
         coalesce(sum(frozen) FILTER (WHERE kind = 'addon'), 0) AS frozen_addon
    INTO d FROM placed;
  IF d.least < 0 THEN RAISE EXCEPTION 'a grant of account % would fall below zero', w.account USING ERRCODE = 'data_exception'; END IF;
  w.live := d.live; w.kinds := d.kinds; w.remaining := d.remaining;
  w.monthly := d.monthly; w.other := d.other; w.addon := d.addon;
  w.held_monthly := w.held_monthly + d.held_monthly; w.held_other := w.held_other + d.held_other; w.held_addon := w.held_addon + d.held_addon;
  w.frozen_monthly := w.frozen_monthly + d.frozen_monthly; w.frozen_other := w.frozen_other + d.frozen_other;
  w.frozen_addon := w.frozen_addon + d.frozen_addon;
  UPDATE grants g SET frozen = coalesce(g.frozen, 0) + f.amount
    FROM (SELECT e."grant", sum(e.amount * ((m.target = 'frozen')::int - (m.source = 'frozen')::int)) AS amount
            FROM unnest(p_grants, p_amounts, string_to_array(p_moves, NULL)) AS e("grant", amount, letter) JOIN moves m USING (letter)
           WHERE 'frozen' IN (m.source, m.target) GROUP BY 1) f
   WHERE g.account = w.account AND g."grant" = f."grant";
  RETURN w;
END $$;

-- Which grants pay for an amount, in burn order (S1-S3). The caller has made sure that the wallet covers it.
CREATE OR REPLACE FUNCTION burn(w wallets, p_amount bigint, OUT grants bigint[], OUT amounts bigint[]) LANGUAGE sql AS $$
  SELECT coalesce(array_agg(id ORDER BY n), '{}'), coalesce(array_agg(least(left_, p_amount - before) ORDER BY n), '{}')
    FROM (SELECT id, left_, n, (sum(left_) OVER (ORDER BY n) - left_)::bigint AS before
            FROM unnest(w.live, w.remaining) WITH ORDINALITY AS u(id, left_, n)) t
   WHERE before < p_amount
$$;
