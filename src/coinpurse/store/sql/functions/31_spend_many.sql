-- The hot path: many charges and holds on many accounts in one statement. Requests come sorted by account (so that two batches never wait
-- for each other in a ring), those of one account in the order in which they are to be made, each key once. A request with
-- `expires_in` (seconds) is a hold, one without is a charge. Answers one row per request of a known account, with its number:
--   done       made; the columns say how
--   replayed   the key was used for the same request before; `act` is the one to answer with
--   conflict   the key was used for another request
--   due        nothing was done: the account is due by time; call `renew_many`, and this again
--   unsure     nothing was done: the account can't pay for all of its requests here, or the keys' table was changed a moment ago (a
--              rival with the same key may have used the one before, unseen); call `charge` or `hold` for each
-- One statement, so that its first deed on each account is a write in the eyes of a sharded cluster; each account's row is locked
-- before its requests are looked at, and once however many they are: a row that a rival has changed meanwhile is read again, which costs
-- as much as ten charges. A key that a rival transaction is using this very moment ends in a unique violation: the caller repeats.
CREATE OR REPLACE FUNCTION spend_many(
  p_account uuid[], p_key uuid[], p_fingerprint bigint[], p_amount bigint[], p_operation text[], p_quantity bigint[], p_details text[], p_actor text[],
  p_expires_in bigint[]
) RETURNS TABLE (
  request int, status text, act bigint, sequence bigint, at timestamptz, grants bigint[], amounts bigint[], kinds text, terms bigint,
  monthly bigint, other bigint, addon bigint, held_monthly bigint, held_other bigint, held_addon bigint,
  frozen_monthly bigint, frozen_other bigint, frozen_addon bigint
) LANGUAGE plpgsql SET search_path = coinpurse, pg_temp
  SET plan_cache_mode = force_generic_plan -- planning would cost a single charge more than all the rest
  SET enable_seqscan = off AS $$ -- a plan made while the tables were small must not scan them when they are not
#variable_conflict use_column
DECLARE
  slot_now int := key_slot(clock_timestamp());
  slot_before int := (slot_now + 2) % 3;
  settled boolean := key_slot(clock_timestamp() - interval '1 minute') = slot_now;
BEGIN
  RETURN QUERY
  WITH locked AS MATERIALIZED (
    SELECT w.account, w.act, w.sequence, w.terms, w.live, w.kinds, w.remaining, w.monthly::bigint, w.other::bigint, w.addon::bigint,
           w.held_monthly, w.held_other, w.held_addon, w.frozen_monthly, w.frozen_other, w.frozen_addon, w.due_at, w.top_up_below, w.chain,
           coalesce(w.clock, greatest(w.at, clock_timestamp())) AS at
      FROM (SELECT * FROM wallets WHERE wallets.account = ANY (p_account) ORDER BY wallets.account FOR UPDATE) w
  ), asked AS MATERIALIZED (
    SELECT r.*, (SELECT row(k.fingerprint, k.act)::key_used FROM keys k
                  WHERE k.account = r.account AND k.key = r.key AND k.slot IN (slot_now, slot_before)
                  ORDER BY k.act DESC LIMIT 1) AS used
      FROM unnest(p_account, p_key, p_fingerprint, p_amount, p_operation, p_quantity, p_details, p_actor, p_expires_in)
           WITH ORDINALITY AS r(account, key, fingerprint, amount, operation, quantity, details, actor, expires_in, request)
  ), counted AS (
    SELECT a.*, (used).act IS NULL AS fresh,
           count(*) FILTER (WHERE (used).act IS NULL) OVER so_far AS nth,
           count(*) FILTER (WHERE (used).act IS NULL) OVER whole AS fresh_count,
           (sum(amount) FILTER (WHERE (used).act IS NULL) OVER so_far)::bigint AS upto,
           (sum(amount) FILTER (WHERE (used).act IS NULL) OVER whole)::bigint AS total
      FROM asked a
    WINDOW so_far AS (PARTITION BY a.account ORDER BY a.request), whole AS (PARTITION BY a.account)
  ), summed AS ( -- a full join can't be a nested loop, which the plan, made as for ten requests, would have for a thousand
    SELECT l.*, c.request, c.key, c.fingerprint, c.amount, c.operation, c.quantity, c.details, c.actor, c.expires_in, c.used,
           c.fresh, c.nth, c.fresh_count, c.upto, c.total
      FROM counted c FULL JOIN locked l ON l.account = c.account
  ), taken AS (
    SELECT s.*, settled AND s.fresh AND s.total <= s.monthly + s.other + s.addon AND s.due_at > s.at AS ok,
           CASE WHEN s.amount = 0 THEN NULL WHEN one.enough THEN s.live[1:1] ELSE several.grants END AS grants,
           CASE WHEN s.amount = 0 THEN NULL WHEN one.enough THEN ARRAY[s.amount] ELSE several.amounts END AS amounts,
           CASE WHEN s.amount = 0 THEN '' WHEN one.enough THEN left(s.kinds, 1) ELSE several.letters END AS letters
      FROM summed s
     CROSS JOIN LATERAL (SELECT coalesce(s.total <= s.remaining[1], false) AS enough) one
     CROSS JOIN LATERAL (
        SELECT array_agg(g.id ORDER BY g.n) AS grants,
               array_agg(least(g.upto, s.upto) - greatest(g.upto - g.remaining, s.upto - s.amount) ORDER BY g.n) AS amounts,
               string_agg(substr(s.kinds, g.n::int, 1), '' ORDER BY g.n) AS letters
          FROM (SELECT u.id, u.remaining, u.n, (sum(u.remaining) OVER (ORDER BY u.n))::bigint AS upto
                  FROM unnest(s.live, s.remaining) WITH ORDINALITY AS u(id, remaining, n) WHERE NOT one.enough) g
         WHERE g.upto > s.upto - s.amount AND g.upto - g.remaining < s.upto
      ) several
  ), parted AS (
    SELECT t.*,
           greatest(t.monthly - t.upto, 0) AS new_monthly,
           greatest(t.other - greatest(t.upto - t.monthly, 0), 0) AS new_other,
           t.addon - greatest(t.upto - t.monthly - t.other, 0) AS new_addon,
           CASE WHEN t.ok AND t.expires_in IS NOT NULL THEN least(t.monthly, t.upto) - least(t.monthly, t.upto - t.amount) ELSE 0 END AS to_monthly,
           CASE WHEN t.ok AND t.expires_in IS NOT NULL THEN least(t.monthly + t.other, t.upto) - least(t.monthly + t.other, t.upto - t.amount) ELSE 0 END AS to_both,
           CASE WHEN t.ok AND t.expires_in IS NOT NULL THEN t.amount ELSE 0 END AS to_hold
      FROM taken t
  ), numbered AS (
    SELECT p.*, p.act + p.nth AS new_act,
           (p.sequence + sum(length(p.letters)) FILTER (WHERE p.ok) OVER so_far)::bigint AS new_sequence,
           (p.held_monthly + sum(p.to_monthly) OVER so_far)::bigint AS new_held_monthly,
           (p.held_other + sum(p.to_both - p.to_monthly) OVER so_far)::bigint AS new_held_other,
           (p.held_addon + sum(p.to_hold - p.to_both) OVER so_far)::bigint AS new_held_addon,
           min(p.at + make_interval(secs => p.expires_in)) OVER so_far AS hold_due,
           CASE WHEN p.expires_in IS NULL THEN p.details::jsonb
                ELSE coalesce(p.details::jsonb, '{}') || jsonb_build_object('expires_at', p.at + make_interval(secs => p.expires_in)) END AS kept
      FROM parted p WINDOW so_far AS (PARTITION BY p.account ORDER BY p.request)
  ), lettered AS (
    SELECT n.*, CASE WHEN n.expires_in IS NULL THEN 'charge' ELSE 'hold' END AS kind, repeat(CASE WHEN n.expires_in IS NULL THEN 'c' ELSE 'h' END, length(n.letters)) AS moves
      FROM numbered n
  ), done AS MATERIALIZED ( -- the hash stands with the account's last act, and covers all that are made here (L4)
    SELECT l.*, CASE WHEN l.ok AND l.nth = l.fresh_count THEN link_to(l.account, l.chain, string_agg(
             act_bytes(l.new_act, l.at, l.kind, l.moves, l.grants, l.amounts, l.amount, NULL, l.terms, l.operation, l.quantity, l.kept, l.actor, NULL), '') FILTER (WHERE l.ok) OVER whole) END AS hash
      FROM lettered l WINDOW whole AS (PARTITION BY l.account ORDER BY l.request ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
  ), written AS (
    INSERT INTO acts (account, act, sequence, at, kind, moves, grants, amounts, amount, terms, monthly, other, addon,
                      held_monthly, held_other, held_addon, frozen_monthly, frozen_other, frozen_addon, operation, quantity, details, actor, hash)
    SELECT d.account, d.new_act, d.new_sequence, d.at, d.kind, d.moves, d.grants, d.amounts, d.amount, d.terms,
           nullif(d.new_monthly, 0), nullif(d.new_other, 0), nullif(d.new_addon, 0),
           nullif(d.new_held_monthly, 0), nullif(d.new_held_other, 0), nullif(d.new_held_addon, 0),
           nullif(d.frozen_monthly, 0), nullif(d.frozen_other, 0), nullif(d.frozen_addon, 0), d.operation, d.quantity, d.kept, d.actor, d.hash
      FROM done d WHERE d.ok
  ), remembered AS (
    INSERT INTO keys (account, slot, key, fingerprint, act)
    SELECT d.account, slot_now, d.key, d.fingerprint, d.new_act FROM done d WHERE d.ok AND d.key IS NOT NULL
  ), opened AS (
    INSERT INTO holds (account, hold, expires_at)
    SELECT d.account, d.new_act, d.at + make_interval(secs => d.expires_in) FROM done d WHERE d.ok AND d.expires_in IS NOT NULL
  ), carried AS (
    UPDATE wallets w
       SET act = l.new_act, sequence = l.new_sequence, at = l.at, chain = l.hash, monthly = l.new_monthly, other = l.new_other, addon = l.new_addon,
           held_monthly = l.new_held_monthly, held_other = l.new_held_other, held_addon = l.new_held_addon, due_at = least(w.due_at, l.hold_due),
           live = CASE WHEN l.total < l.remaining[1] THEN l.live ELSE c.live END,
           kinds = CASE WHEN l.total < l.remaining[1] THEN l.kinds ELSE c.kinds END,
           remaining = CASE WHEN l.total < l.remaining[1] THEN (l.remaining[1] - l.total) || l.remaining[2:] ELSE c.remaining END
      FROM done l
     CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(u.id ORDER BY u.n), '{}') AS live, coalesce(string_agg(substr(l.kinds, u.n::int, 1), '' ORDER BY u.n), '') AS kinds,
               coalesce(array_agg(u.upto - greatest(l.total, u.upto - u.remaining) ORDER BY u.n), '{}') AS remaining
          FROM (SELECT v.id, v.remaining, v.n, (sum(v.remaining) OVER (ORDER BY v.n))::bigint AS upto
                  FROM unnest(l.live, l.remaining) WITH ORDINALITY AS v(id, remaining, n)
                 WHERE NOT coalesce(l.total < l.remaining[1], false)) u
         WHERE u.upto > l.total
      ) c
     -- No condition on the wallet's own numbers: it would be put to the row as it was before a rival committed, and lose the update.
     -- The fence is the ledger's key (account, act).
     WHERE l.ok AND l.nth = l.fresh_count AND w.account = l.account
    RETURNING w.account
  ), told AS MATERIALIZED ( -- what post() does for all other acts; where nobody listens, the rows are not even looked at. All by index: a
                            -- scan that can't be avoided makes the plan look so dear that PostgreSQL up to 17 compiles it (2 s)
    SELECT tell_dips(d.account, d.new_act, d.at, d.new_monthly + d.new_other + d.new_addon + d.amount, d.new_monthly, d.new_other, d.new_addon,
                     d.new_held_monthly + d.new_held_other + d.new_held_addon)
      FROM done d
     WHERE EXISTS (SELECT FROM webhook_endpoints WHERE disabled_at IS NULL) AND d.ok AND d.amount > 0
       AND (d.new_monthly + d.new_other + d.new_addon = 0
            OR (SELECT low_balance FROM announcing WHERE one) BETWEEN d.new_monthly + d.new_other + d.new_addon + 1 AND d.new_monthly + d.new_other + d.new_addon + d.amount)
  ), wanted AS MATERIALIZED (
    SELECT want_topup(d.account) FROM done d WHERE d.ok AND d.nth = d.fresh_count AND d.new_monthly + d.new_other + d.new_addon < d.top_up_below
  )
  SELECT d.request::int, CASE WHEN d.ok THEN 'done' WHEN d.fresh THEN CASE WHEN d.due_at <= d.at THEN 'due' ELSE 'unsure' END WHEN (d.used).fingerprint = d.fingerprint THEN 'replayed' ELSE 'conflict' END,
         CASE WHEN d.ok THEN d.new_act ELSE (d.used).act END, d.new_sequence, d.at, d.grants, d.amounts, d.letters, d.terms,
         d.new_monthly, d.new_other, d.new_addon, d.new_held_monthly, d.new_held_other, d.new_held_addon,
         d.frozen_monthly::bigint, d.frozen_other::bigint, d.frozen_addon::bigint
    FROM done d
   WHERE d.account IS NOT NULL AND must((SELECT count(*) FROM carried) = (SELECT count(DISTINCT l.account) FROM done l WHERE l.ok), 'each charged wallet is updated once')
     AND (SELECT count(*) FROM told) + (SELECT count(*) FROM wanted) >= 0;
END $$;
