-- Spends many holds, each whole: what nearly every capture is. Requests come as for `spend_many`, each hold once. Answers `done`,
-- or, where nothing was done, `due` (as `spend_many`) or `unsure`, and `capture` must look: a hold that is closed, a key that was used. The hold's row is locked after
-- its account's: a rival that closed it meanwhile has taken it away. Tables are looked into as in `spend_many`.
CREATE OR REPLACE FUNCTION capture_many(
  p_account uuid[], p_hold bigint[], p_key uuid[], p_fingerprint bigint[], p_actor text[]
) RETURNS TABLE (
  request int, status text, act bigint, sequence bigint, at timestamptz, terms bigint,
  monthly bigint, other bigint, addon bigint, held_monthly bigint, held_other bigint, held_addon bigint,
  frozen_monthly bigint, frozen_other bigint, frozen_addon bigint,
  made_at timestamptz, amount bigint, grants bigint[], amounts bigint[], kinds text, operation text, quantity bigint, details jsonb
) LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC'
  SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  slot_now int := key_slot(clock_timestamp());
BEGIN
  RETURN QUERY
  WITH locked AS MATERIALIZED (
    SELECT * FROM wallets WHERE wallets.account = ANY (p_account) ORDER BY wallets.account FOR UPDATE
  ), asked AS MATERIALIZED ( -- a full join, as in spend_many
    SELECT r.request, r.hold, r.key, r.fingerprint, r.actor, w.account, w.act, w.sequence, w.terms, w.monthly, w.other, w.addon,
           w.held_monthly, w.held_other, w.held_addon, w.frozen_monthly, w.frozen_other, w.frozen_addon, w.chain, w.due_at,
           coalesce(w.clock, greatest(w.at, clock_timestamp())) AS at,
           made.at AS made_at, made.amount, made.grants, made.amounts, made.moves, made.operation, made.quantity, made.details,
           part.kinds, part.monthly AS from_monthly, part.other AS from_other, part.addon AS from_addon,
           h.hold IS NOT NULL AND w.due_at > coalesce(w.clock, greatest(w.at, clock_timestamp()))
             AND NOT EXISTS (SELECT FROM keys k WHERE k.account = w.account AND k.key = r.key AND k.slot IN (slot_now, (slot_now + 2) % 3) OFFSET 0) AS ok
      FROM unnest(p_account, p_hold, p_key, p_fingerprint, p_actor) WITH ORDINALITY AS r(account, hold, key, fingerprint, actor, request)
      FULL JOIN locked w ON w.account = r.account
      LEFT JOIN LATERAL (SELECT holds.hold FROM holds WHERE holds.account = w.account AND holds.hold = r.hold FOR UPDATE) h ON true
      LEFT JOIN LATERAL (SELECT * FROM acts WHERE acts.account = r.account AND acts.act = h.hold OFFSET 0) made ON true
      LEFT JOIN LATERAL (
        SELECT string_agg(left(g.kind, 1), '' ORDER BY e.n) AS kinds,
               coalesce(sum(e.amount) FILTER (WHERE g.kind = 'monthly'), 0) AS monthly,
               coalesce(sum(e.amount) FILTER (WHERE g.kind IN ('promo', 'compensation')), 0) AS other,
               coalesce(sum(e.amount) FILTER (WHERE g.kind = 'addon'), 0) AS addon
          FROM unnest(made.grants, made.amounts) WITH ORDINALITY AS e("grant", amount, n)
         CROSS JOIN LATERAL (SELECT kind FROM grants WHERE grants.account = made.account AND grants."grant" = e."grant" OFFSET 0) g
      ) part ON true
  ), counted AS ( -- narrow, since what is carried through a window is what costs
    SELECT a.request, count(*) OVER so_far AS nth, (sum(length(a.moves)) OVER so_far)::bigint AS entries, (sum(a.from_monthly) OVER so_far)::bigint AS monthly,
           (sum(a.from_other) OVER so_far)::bigint AS other, (sum(a.from_addon) OVER so_far)::bigint AS addon
      FROM asked a WHERE a.ok WINDOW so_far AS (PARTITION BY a.account ORDER BY a.request)
  ), done AS MATERIALIZED (
    SELECT a.*, a.act + c.nth AS new_act, a.sequence + c.entries AS new_sequence, repeat('k', length(a.moves)) AS spent,
           a.held_monthly - c.monthly AS new_held_monthly, a.held_other - c.other AS new_held_other, a.held_addon - c.addon AS new_held_addon
      FROM asked a FULL JOIN counted c ON c.request = a.request
  ), linked AS MATERIALIZED ( -- the hash stands with the account's last act, and covers all that are made here (L4)
    SELECT d.account, max(d.new_act) AS act, link_to(d.account, d.chain, string_agg(
             act_bytes(d.new_act, d.at, 'capture', d.spent, d.grants, d.amounts, d.amount, d.hold, d.terms, d.operation, d.quantity, d.details, d.actor, NULL), ''
             ORDER BY d.request)) AS hash
      FROM done d WHERE d.ok GROUP BY d.account, d.chain
  ), written AS (
    INSERT INTO acts (account, act, sequence, at, kind, moves, grants, amounts, amount, of, terms, monthly, other, addon,
                      held_monthly, held_other, held_addon, frozen_monthly, frozen_other, frozen_addon, operation, quantity, details, actor, hash)
    SELECT d.account, d.new_act, d.new_sequence, d.at, 'capture', d.spent, d.grants, d.amounts, d.amount, d.hold, d.terms,
           nullif(d.monthly, 0), nullif(d.other, 0), nullif(d.addon, 0),
           nullif(d.new_held_monthly, 0), nullif(d.new_held_other, 0), nullif(d.new_held_addon, 0),
           nullif(d.frozen_monthly, 0), nullif(d.frozen_other, 0), nullif(d.frozen_addon, 0), d.operation, d.quantity, d.details, d.actor, d.hash
      FROM (SELECT d.*, k.hash FROM done d FULL JOIN linked k ON k.account = d.account AND k.act = d.new_act OFFSET 0) d WHERE d.ok ORDER BY d.request
  ), remembered AS (
    INSERT INTO keys (account, slot, key, fingerprint, act)
    SELECT d.account, slot_now, d.key, d.fingerprint, d.new_act FROM done d WHERE d.ok
  ), closed AS (
    DELETE FROM holds h USING done d WHERE d.ok AND h.account = ANY (ARRAY[d.account]) AND h.hold BETWEEN d.hold AND d.hold RETURNING h.hold
  ), carried AS (
    UPDATE wallets w SET act = l.new_act, sequence = l.new_sequence, at = l.at, chain = l.hash,
           held_monthly = l.new_held_monthly, held_other = l.new_held_other, held_addon = l.new_held_addon
      FROM (SELECT d.*, k.hash FROM done d FULL JOIN linked k ON k.account = d.account AND k.act = d.new_act OFFSET 0) l
     WHERE l.ok AND l.hash IS NOT NULL AND w.account = ANY (ARRAY[l.account])
    RETURNING w.account
  )
  SELECT d.request::int, CASE WHEN d.ok THEN 'done' WHEN d.due_at <= d.at THEN 'due' ELSE 'unsure' END, d.new_act, d.new_sequence, d.at, d.terms,
         d.monthly::bigint, d.other::bigint, d.addon::bigint, d.new_held_monthly, d.new_held_other, d.new_held_addon,
         d.frozen_monthly::bigint, d.frozen_other::bigint, d.frozen_addon::bigint,
         d.made_at, d.amount, d.grants, d.amounts, d.kinds, d.operation, d.quantity, d.details
    FROM done d
   WHERE d.account IS NOT NULL AND must((SELECT count(*) FROM carried) = (SELECT count(*) FROM linked), 'each wallet is updated once')
     AND must((SELECT count(*) FROM closed) = (SELECT count(*) FROM done l WHERE l.ok), 'each captured hold is closed once');
END $$;
