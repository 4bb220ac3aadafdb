-- The hot path: many charges and holds on many accounts in one statement. Requests come sorted by account (so that two batches never wait
-- for each other in a ring), those of one account in the order in which they are to be made, each key once. A request with
-- `expires_in` (seconds) is a hold, one without is a charge. Beside each request stands what it is within its account here: the `nth` of how
-- many (`count`), what they come to up to it (`upto`) and all together (`total`), and whether they are `plain`: charges, none of nothing.
-- Answers one row per request of a known account, with its number:
--   done       made; the columns say how
--   replayed   the key was used for the same request before; `act` is the one to answer with
--   conflict   the key was used for another request
--   due        nothing was done: the account is due by time; call `renew_many`, and this again
--   again      nothing was done, since another request of the account stands beside it whose key was used before: ask again without that
--   unsure     nothing was done: the account can't pay for all of its requests here, or the keys' table was changed a moment ago (a
--              rival with the same key may have used the one before, unseen); call `charge` or `hold` for each
-- One statement, so that its first deed on each account is a write in the eyes of a sharded cluster; each account's row is locked
-- before its requests are looked at, and once however many they are: a row that a rival has changed meanwhile is read again, which costs
-- as much as ten charges. A key that a rival transaction is using this very moment ends in a unique violation: the caller repeats.
-- Plans are kept, and are made when the tables may be small, so none may be good for small tables only: what looks into a table does so by account, in
-- a subquery with OFFSET 0, which stays one, or by `= ANY (ARRAY[x])` and `BETWEEN x AND x`, for which there is no other join than by index.
-- What costs is the carrying of columns from step to step. So nothing is summed up here that the caller can sum up, and only what isn't plain, or
-- isn't paid by the account's first grant alone, goes through `mixed`. What a step filters by stands first in the one before it.
CREATE OR REPLACE FUNCTION spend_many(
  p_account uuid[], p_nth bigint[], p_count bigint[], p_upto bigint[], p_total bigint[], p_plain boolean[],
  p_key uuid[], p_fingerprint bigint[], p_amount bigint[], p_operation text[], p_quantity bigint[], p_details text[], p_actor text[], p_expires_in bigint[]
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
           w.held_monthly::bigint, w.held_other::bigint, w.held_addon::bigint, w.frozen_monthly::bigint, w.frozen_other::bigint, w.frozen_addon::bigint,
           w.due_at, w.top_up_below, w.chain, coalesce(w.clock, greatest(w.at, clock_timestamp())) AS at
      FROM (SELECT * FROM wallets WHERE wallets.account = ANY (p_account) ORDER BY wallets.account FOR UPDATE) w
  ), used AS MATERIALIZED (
    SELECT DISTINCT ON (r.request) r.request, r.account, k.fingerprint, k.act
      FROM unnest(p_account, p_key) WITH ORDINALITY AS r(account, key, request)
     CROSS JOIN LATERAL (SELECT * FROM keys WHERE keys.account = r.account AND keys.key = r.key AND keys.slot IN (slot_now, slot_before) OFFSET 0) k
     ORDER BY r.request, k.act DESC
  ), asked AS MATERIALIZED ( -- a full join can't be a nested loop, which the plan, made as for ten requests, would have for a thousand
    SELECT settled AND r.total <= l.monthly + l.other + l.addon AND l.due_at > l.at AND NOT mixed_up AS ok,
           r.plain AND coalesce(r.total <= l.remaining[1], false) AS plain, r.nth = r.count AS last, l.due_at <= l.at AS due, mixed_up,
           u.fingerprint AS used_for, u.act AS used_by, l.account, r.request, l.act + r.nth AS act, r.nth, r.upto, r.total,
           r.key, r.fingerprint, r.amount, r.operation, r.quantity, r.details, r.actor, r.expires_in,
           l.at, l.sequence, l.terms, l.live, l.kinds, l.remaining, l.monthly, l.other, l.addon, l.held_monthly, l.held_other, l.held_addon,
           l.frozen_monthly, l.frozen_other, l.frozen_addon, l.top_up_below, l.chain
      FROM unnest(p_account, p_nth, p_count, p_upto, p_total, p_plain, p_key, p_fingerprint, p_amount, p_operation, p_quantity, p_details, p_actor, p_expires_in)
           WITH ORDINALITY AS r(account, nth, count, upto, total, plain, key, fingerprint, amount, operation, quantity, details, actor, expires_in, request)
      FULL JOIN used u ON u.request = r.request
      FULL JOIN locked l ON l.account = r.account
     CROSS JOIN LATERAL (SELECT r.account IN (SELECT used.account FROM used) AS mixed_up) m
  ), mixed AS ( -- holds, and what several grants pay together; it is empty as a rule
    SELECT p.request, (p.part).grants, (p.part).amounts, (p.part).kinds, (sum(length((p.part).kinds)) OVER so_far)::bigint AS entries,
           (sum(p.from_monthly) OVER so_far)::bigint AS monthly, (sum(p.from_both - p.from_monthly) OVER so_far)::bigint AS other,
           (sum(p.whole - p.from_both) OVER so_far)::bigint AS addon, min(p.expires_in) OVER so_far AS soonest
      FROM (
        SELECT a.request, a.account, a.expires_in, CASE WHEN a.expires_in IS NULL THEN 0 ELSE a.amount END AS whole,
               CASE WHEN a.expires_in IS NULL THEN 0 ELSE least(a.monthly, a.upto) - least(a.monthly, a.upto - a.amount) END AS from_monthly,
               CASE WHEN a.expires_in IS NULL THEN 0 ELSE least(a.monthly + a.other, a.upto) - least(a.monthly + a.other, a.upto - a.amount) END AS from_both,
               CASE WHEN a.amount = 0 THEN row(NULL, NULL, '')::part
                    WHEN a.total <= a.remaining[1] THEN row(a.live[1:1], ARRAY[a.amount], left(a.kinds, 1))::part
                    ELSE (SELECT row(array_agg(g.id ORDER BY g.n),
                                     array_agg(least(g.upto, a.upto) - greatest(g.upto - g.remaining, a.upto - a.amount) ORDER BY g.n),
                                     string_agg(substr(a.kinds, g.n::int, 1), '' ORDER BY g.n))::part
                            FROM (SELECT v.*, (sum(v.remaining) OVER (ORDER BY v.n))::bigint AS upto
                                    FROM unnest(a.live, a.remaining) WITH ORDINALITY AS v(id, remaining, n)) g
                           WHERE g.upto > a.upto - a.amount AND g.upto - g.remaining < a.upto) END AS part
          FROM asked a WHERE a.ok AND NOT a.plain OFFSET 0) p
    WINDOW so_far AS (PARTITION BY p.account ORDER BY p.request)
  ), done AS MATERIALIZED (
    SELECT a.ok, a.last, a.account, a.act, a.request, a.at, a.amount, a.key, a.fingerprint, a.expires_in, a.due, a.mixed_up, a.used_for, a.used_by,
           CASE WHEN a.expires_in IS NULL THEN 'charge' ELSE 'hold' END AS kind,
           CASE WHEN a.plain THEN 'c' ELSE repeat(CASE WHEN a.expires_in IS NULL THEN 'c' ELSE 'h' END, length(m.kinds)) END AS moves,
           CASE WHEN a.plain THEN a.live[1:1] ELSE m.grants END AS grants,
           CASE WHEN a.plain THEN ARRAY[a.amount] ELSE m.amounts END AS amounts,
           CASE WHEN a.plain THEN left(a.kinds, 1) ELSE m.kinds END AS letters,
           a.sequence + CASE WHEN a.plain THEN a.nth ELSE m.entries END AS sequence,
           a.terms, a.operation, a.quantity, a.actor,
           CASE WHEN a.expires_in IS NULL THEN a.details::jsonb
                ELSE coalesce(a.details::jsonb, '{}') || jsonb_build_object('expires_at', a.at + make_interval(secs => a.expires_in)) END AS details,
           greatest(a.monthly - a.upto, 0) AS monthly, greatest(a.other - greatest(a.upto - a.monthly, 0), 0) AS other,
           a.addon - greatest(a.upto - a.monthly - a.other, 0) AS addon,
           a.held_monthly + coalesce(m.monthly, 0) AS held_monthly, a.held_other + coalesce(m.other, 0) AS held_other,
           a.held_addon + coalesce(m.addon, 0) AS held_addon, a.frozen_monthly, a.frozen_other, a.frozen_addon,
           a.at + make_interval(secs => m.soonest) AS hold_due, a.top_up_below, a.chain, a.total, a.live, a.kinds, a.remaining
      FROM asked a FULL JOIN mixed m ON m.request = a.request
  ), linked AS MATERIALIZED ( -- the hash stands with the account's last act, and covers all that are made here (L4)
    SELECT d.account, max(d.act) AS act, link_to(d.account, d.chain, string_agg(
             act_bytes(d.act, d.at, d.kind, d.moves, d.grants, d.amounts, d.amount, NULL, d.terms, d.operation, d.quantity, d.details, d.actor, NULL), ''
             ORDER BY d.request)) AS hash
      FROM done d WHERE d.ok GROUP BY d.account, d.chain
  ), written AS (
    INSERT INTO acts (account, act, sequence, at, kind, moves, grants, amounts, amount, terms, monthly, other, addon,
                      held_monthly, held_other, held_addon, frozen_monthly, frozen_other, frozen_addon, operation, quantity, details, actor, hash)
    SELECT d.account, d.act, d.sequence, d.at, d.kind, d.moves, d.grants, d.amounts, d.amount, d.terms,
           nullif(d.monthly, 0), nullif(d.other, 0), nullif(d.addon, 0), nullif(d.held_monthly, 0), nullif(d.held_other, 0), nullif(d.held_addon, 0),
           nullif(d.frozen_monthly, 0), nullif(d.frozen_other, 0), nullif(d.frozen_addon, 0), d.operation, d.quantity, d.details, d.actor, d.hash
      FROM (SELECT d.*, k.hash FROM done d FULL JOIN linked k ON k.account = d.account AND k.act = d.act OFFSET 0) d WHERE d.ok ORDER BY d.request -- so that a page of history is a few pages of the table
  ), remembered AS (
    INSERT INTO keys (account, slot, key, fingerprint, act)
    SELECT d.account, slot_now, d.key, d.fingerprint, d.act FROM done d WHERE d.ok AND d.key IS NOT NULL
  ), opened AS (
    INSERT INTO holds (account, hold, expires_at)
    SELECT d.account, d.act, d.at + make_interval(secs => d.expires_in) FROM done d WHERE d.ok AND d.expires_in IS NOT NULL
  ), carried AS (
    UPDATE wallets w
       SET act = l.act, sequence = l.sequence, at = l.at, chain = l.hash, monthly = l.monthly, other = l.other, addon = l.addon,
           held_monthly = l.held_monthly, held_other = l.held_other, held_addon = l.held_addon, due_at = least(w.due_at, l.hold_due),
           live = (l.rest).grants, remaining = (l.rest).amounts, kinds = (l.rest).kinds
      FROM (
        SELECT d.*, k.hash,
               CASE WHEN NOT d.last THEN NULL
                    WHEN d.total < d.remaining[1] THEN row(d.live, (d.remaining[1] - d.total) || d.remaining[2:], d.kinds)::part
                    ELSE (SELECT row(coalesce(array_agg(g.id ORDER BY g.n), '{}'),
                                     coalesce(array_agg(least(g.upto - d.total, g.remaining) ORDER BY g.n), '{}'),
                                     coalesce(string_agg(substr(d.kinds, g.n::int, 1), '' ORDER BY g.n), ''))::part
                            FROM (SELECT v.*, (sum(v.remaining) OVER (ORDER BY v.n))::bigint AS upto
                                    FROM unnest(d.live, d.remaining) WITH ORDINALITY AS v(id, remaining, n)) g
                           WHERE g.upto > d.total) END AS rest
          FROM done d FULL JOIN linked k ON k.account = d.account AND k.act = d.act OFFSET 0) l
     -- No condition on the wallet's own numbers: it would be put to the row as it was before a rival committed, and lose the update.
     -- The fence is the ledger's key (account, act).
     WHERE l.ok AND l.last AND w.account = ANY (ARRAY[l.account])
    RETURNING w.account
  ), told AS MATERIALIZED ( -- what post() does for all other acts; where nobody listens, the rows are not even looked at. All by index: a
                            -- scan that can't be avoided makes the plan look so dear that PostgreSQL up to 17 compiles it (2 s)
    SELECT tell_dips(d.account, d.act, d.at, d.monthly + d.other + d.addon + d.amount, d.monthly, d.other, d.addon, d.held_monthly + d.held_other + d.held_addon)
      FROM done d
     WHERE EXISTS (SELECT FROM webhook_endpoints WHERE disabled_at IS NULL) AND d.ok AND d.amount > 0
       AND (d.monthly + d.other + d.addon = 0
            OR (SELECT low_balance FROM announcing WHERE one) BETWEEN d.monthly + d.other + d.addon + 1 AND d.monthly + d.other + d.addon + d.amount)
  ), wanted AS MATERIALIZED (
    SELECT want_topup(d.account) FROM done d WHERE d.ok AND d.last AND d.monthly + d.other + d.addon < d.top_up_below
  )
  SELECT d.request::int, CASE WHEN d.ok THEN 'done' WHEN d.used_by IS NULL THEN CASE WHEN d.due THEN 'due' WHEN d.mixed_up THEN 'again' ELSE 'unsure' END
                              WHEN d.used_for = d.fingerprint THEN 'replayed' ELSE 'conflict' END,
         CASE WHEN d.ok THEN d.act ELSE d.used_by END, d.sequence, d.at, d.grants, d.amounts, d.letters, d.terms,
         d.monthly, d.other, d.addon, d.held_monthly, d.held_other, d.held_addon, d.frozen_monthly, d.frozen_other, d.frozen_addon
    FROM done d
   WHERE d.account IS NOT NULL AND must((SELECT count(*) FROM carried) = (SELECT count(*) FROM linked), 'each charged wallet is updated once')
     AND (SELECT count(*) FROM told) + (SELECT count(*) FROM wanted) >= 0;
END $$;
