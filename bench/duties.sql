-- Bare arrays once more, and then one duty of ours after another on top, each level with tables of its own: what has to be paid for what.
-- All take the arrays that `spend_many` takes, and answer a row for each request. `{level}` is 1 to 4; a line that ends in `--2` is left
-- out below level 2, one that ends in `--<2` from level 2 on.
CREATE TABLE duties.wallets_{level} (LIKE coinpurse.wallets) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
INSERT INTO duties.wallets_{level} SELECT * FROM coinpurse.wallets WHERE monthly + addon > 0;
ALTER TABLE duties.wallets_{level} ADD PRIMARY KEY (account);

CREATE TABLE duties.acts_{level} (account uuid, key uuid, taken bigint, monthly bigint, addon bigint, at timestamptz, PRIMARY KEY (account, key)); --<2
CREATE TABLE duties.acts_{level} (account uuid, act bigint, taken bigint, monthly bigint, addon bigint, at timestamptz, PRIMARY KEY (account, act)); --2 <3
CREATE TABLE duties.acts_{level} (LIKE coinpurse.acts, PRIMARY KEY (account, act)); --3
CREATE INDEX ON duties.acts_{level} (account, of, act) WHERE of IS NOT NULL; --3
CREATE TABLE duties.keys_{level} (LIKE coinpurse.keys, PRIMARY KEY (account, key, slot)) PARTITION BY LIST (slot); --2
CREATE TABLE duties.keys_{level}_0 PARTITION OF duties.keys_{level} FOR VALUES IN (0); --2
CREATE TABLE duties.keys_{level}_1 PARTITION OF duties.keys_{level} FOR VALUES IN (1); --2
CREATE TABLE duties.keys_{level}_2 PARTITION OF duties.keys_{level} FOR VALUES IN (2); --2

CREATE FUNCTION duties.spend_{level}(
  p_account uuid[], p_nth bigint[], p_count bigint[], p_upto bigint[], p_total bigint[], p_plain boolean[],
  p_key uuid[], p_fingerprint bigint[], p_amount bigint[], p_operation text[], p_quantity bigint[], p_details text[], p_actor text[], p_expires_in bigint[]
) RETURNS TABLE (
  request int, act bigint, sequence bigint, at timestamptz, grants bigint[], amounts bigint[], monthly bigint, addon bigint
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  slot_now int := coinpurse.key_slot(clock_timestamp());
  slot_before int := (slot_now + 2) % 3;
BEGIN
  RETURN QUERY
  WITH locked AS MATERIALIZED (
    SELECT w.account, w.act, w.sequence, w.terms, w.live, w.kinds, w.remaining, w.monthly::bigint, w.addon::bigint, w.chain, clock_timestamp() AS at
      FROM (SELECT * FROM duties.wallets_{level} w WHERE w.account = ANY (p_account) ORDER BY w.account FOR UPDATE) w
  ), used AS MATERIALIZED (
    SELECT r.request
      FROM unnest(p_account, p_key) WITH ORDINALITY AS r(account, key, request)
     WHERE EXISTS (SELECT FROM duties.acts_{level} k WHERE k.account = r.account AND k.key = r.key OFFSET 0) --<2
      JOIN duties.keys_{level} k ON k.account = r.account AND k.key = r.key AND k.slot IN (slot_now, slot_before) --2
  ), done AS MATERIALIZED (
    SELECT r.nth = r.count AS last, l.account, l.act + r.nth AS act, r.request, l.at, r.amount, r.key, r.fingerprint, r.total,
           l.sequence + r.nth AS sequence, l.live[1:1] AS grants, ARRAY[r.amount] AS amounts, l.live, l.kinds, l.remaining, l.terms, l.chain,
           r.operation, r.quantity, r.details::jsonb AS details, r.actor, greatest(l.monthly - r.upto, 0) AS monthly,
           l.addon - greatest(r.upto - l.monthly, 0) AS addon
      FROM unnest(p_account, p_nth, p_count, p_upto, p_total, p_plain, p_key, p_fingerprint, p_amount, p_operation, p_quantity, p_details, p_actor, p_expires_in)
           WITH ORDINALITY AS r(account, nth, count, upto, total, plain, key, fingerprint, amount, operation, quantity, details, actor, expires_in, request)
      FULL JOIN used u ON u.request = r.request
      FULL JOIN locked l ON l.account = r.account
     WHERE u.request IS NULL
  ), linked AS MATERIALIZED ( --4
    SELECT d.account, max(d.act) AS act, coinpurse.link_to(d.account, d.chain, string_agg( --4
             coinpurse.act_bytes(d.act, d.at, 'charge', 'c', d.grants, d.amounts, d.amount, NULL, d.terms, d.operation, d.quantity, d.details, d.actor, NULL), '' --4
             ORDER BY d.request)) AS hash --4
      FROM done d GROUP BY d.account, d.chain --4
  ), written AS (
    INSERT INTO duties.acts_{level} (account, key, taken, monthly, addon, at) SELECT d.account, d.key, d.amount, d.monthly, d.addon, d.at FROM done d --<2
    INSERT INTO duties.acts_{level} (account, act, taken, monthly, addon, at) SELECT d.account, d.act, d.amount, d.monthly, d.addon, d.at FROM done d --2 <3
    INSERT INTO duties.acts_{level} (account, act, sequence, at, kind, moves, grants, amounts, amount, terms, monthly, addon, operation, quantity, details, actor, hash) --3
    SELECT d.account, d.act, d.sequence, d.at, 'charge', 'c', d.grants, d.amounts, d.amount, d.terms, --3
           nullif(d.monthly, 0), nullif(d.addon, 0), d.operation, d.quantity, d.details, d.actor, NULL FROM done d --3 <4
           nullif(d.monthly, 0), nullif(d.addon, 0), d.operation, d.quantity, d.details, d.actor, d.hash --4
      FROM (SELECT d.*, k.hash FROM done d FULL JOIN linked k ON k.account = d.account AND k.act = d.act OFFSET 0) d --4
  ), remembered AS ( --2
    INSERT INTO duties.keys_{level} (account, slot, key, fingerprint, act) SELECT d.account, slot_now, d.key, d.fingerprint, d.act FROM done d --2
  ), carried AS (
    UPDATE duties.wallets_{level} w
       SET act = l.act, sequence = l.sequence, at = l.at, monthly = l.monthly, addon = l.addon
           , remaining = (l.remaining[1] - l.total) || l.remaining[2:] --3
           , chain = l.hash --4
      FROM done l WHERE l.last AND w.account = l.account --<4
      FROM (SELECT d.*, k.hash FROM done d FULL JOIN linked k ON k.account = d.account AND k.act = d.act OFFSET 0) l WHERE l.last AND w.account = l.account --4
  )
  SELECT d.request::int, d.act, d.sequence, d.at, d.grants, d.amounts, d.monthly, d.addon FROM done d;
END $$;
