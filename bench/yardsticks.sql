-- What PostgreSQL can do when it is asked well, and nothing else is wanted of it: two buckets on one row, a ledger line per
-- charge, idempotent, never below zero. No grants, no time, no holds, no hash chain.
CREATE SCHEMA yardstick;

CREATE TABLE yardstick.purses (
  id      bigint PRIMARY KEY,
  monthly bigint NOT NULL CHECK (monthly >= 0),
  addon   bigint NOT NULL CHECK (addon >= 0)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE yardstick.lines (
  purse         bigint NOT NULL,
  key           uuid NOT NULL,
  from_monthly  bigint NOT NULL,
  from_addon    bigint NOT NULL,
  monthly_after bigint NOT NULL,
  addon_after   bigint NOT NULL,
  at            timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (purse, key)
);

-- One charge in one call: lock, look the key up, spend, write.
CREATE FUNCTION yardstick.charge(p_purse bigint, p_key uuid, p_amount bigint) RETURNS yardstick.lines LANGUAGE plpgsql AS $$
DECLARE
  has yardstick.purses;
  line yardstick.lines;
BEGIN
  SELECT * INTO has FROM yardstick.purses WHERE id = p_purse FOR UPDATE;
  SELECT * INTO line FROM yardstick.lines WHERE purse = p_purse AND key = p_key;
  IF FOUND THEN RETURN line; END IF;
  line.from_monthly := least(has.monthly, p_amount);
  line.from_addon := p_amount - line.from_monthly;
  UPDATE yardstick.purses SET monthly = monthly - line.from_monthly, addon = addon - line.from_addon WHERE id = p_purse;
  INSERT INTO yardstick.lines (purse, key, from_monthly, from_addon, monthly_after, addon_after)
  VALUES (p_purse, p_key, line.from_monthly, line.from_addon, has.monthly - line.from_monthly, has.addon - line.from_addon)
  RETURNING * INTO line;
  RETURN line;
END $$;

-- Many in one: the same by sets. `paid` is null where the key was known.
CREATE FUNCTION yardstick.charge_many(
  p_purse bigint[], p_key uuid[], p_amount bigint[], OUT paid bigint[], OUT monthly_after bigint[], OUT addon_after bigint[]
) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM yardstick.purses WHERE id = ANY (p_purse) ORDER BY id FOR UPDATE;
  WITH asked AS (
    SELECT r.n, r.purse, r.key, r.amount, r.amount + coalesce(sum(r.amount) OVER before, 0) AS upto
      FROM unnest(p_purse, p_key, p_amount) WITH ORDINALITY AS r(purse, key, amount, n)
     WHERE NOT EXISTS (SELECT FROM yardstick.lines l WHERE l.purse = r.purse AND l.key = r.key)
    WINDOW before AS (PARTITION BY r.purse ORDER BY r.n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
  ), spent AS MATERIALIZED (
    SELECT a.*, least(p.monthly, a.upto) - least(p.monthly, a.upto - a.amount) AS from_monthly,
           greatest(p.monthly - a.upto, 0)::bigint AS monthly_after, (p.addon - greatest(a.upto - p.monthly, 0))::bigint AS addon_after
      FROM asked a JOIN yardstick.purses p ON p.id = a.purse
  ), written AS (
    INSERT INTO yardstick.lines (purse, key, from_monthly, from_addon, monthly_after, addon_after)
    SELECT s.purse, s.key, s.from_monthly, s.amount - s.from_monthly, s.monthly_after, s.addon_after FROM spent s
  ), carried AS (
    UPDATE yardstick.purses p SET monthly = l.monthly_after, addon = l.addon_after
      FROM (SELECT DISTINCT ON (s.purse) s.* FROM spent s ORDER BY s.purse, s.n DESC) l WHERE p.id = l.purse
  )
  SELECT array_agg(s.amount ORDER BY r.n), array_agg(s.monthly_after ORDER BY r.n), array_agg(s.addon_after ORDER BY r.n)
    INTO paid, monthly_after, addon_after
    FROM generate_subscripts(p_purse, 1) AS r(n) LEFT JOIN spent s USING (n);
END $$;

-- Double entry as a general ledger keeps it: every transfer debits one account and credits another, each with its version and
-- its balance before and after, so the app's revenue account is a row that every charge updates.
CREATE TABLE yardstick.accounts (
  id      bigint PRIMARY KEY,
  balance bigint NOT NULL,
  version bigint NOT NULL DEFAULT 0,
  least   bigint
);
CREATE TABLE yardstick.transfers (
  id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source bigint NOT NULL REFERENCES yardstick.accounts,
  target bigint NOT NULL REFERENCES yardstick.accounts,
  amount bigint NOT NULL CHECK (amount > 0),
  key    uuid NOT NULL,
  at     timestamptz NOT NULL DEFAULT now(),
  UNIQUE (source, key)
);
CREATE TABLE yardstick.postings (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account  bigint NOT NULL REFERENCES yardstick.accounts,
  transfer bigint NOT NULL REFERENCES yardstick.transfers,
  amount   bigint NOT NULL,
  before   bigint NOT NULL,
  after    bigint NOT NULL,
  version  bigint NOT NULL,
  at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON yardstick.postings (account, version);

CREATE FUNCTION yardstick.transfer(p_source bigint, p_target bigint, p_amount bigint, p_key uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  made bigint;
  one yardstick.accounts;
  other yardstick.accounts;
BEGIN
  PERFORM FROM yardstick.accounts WHERE id IN (p_source, p_target) ORDER BY id FOR UPDATE;
  SELECT id INTO made FROM yardstick.transfers WHERE source = p_source AND key = p_key;
  IF FOUND THEN RETURN made; END IF;
  INSERT INTO yardstick.transfers (source, target, amount, key) VALUES (p_source, p_target, p_amount, p_key) RETURNING id INTO made;
  UPDATE yardstick.accounts SET balance = balance - p_amount, version = version + 1 WHERE id = p_source RETURNING * INTO one;
  IF one.balance < one.least THEN RAISE EXCEPTION 'not enough'; END IF;
  UPDATE yardstick.accounts SET balance = balance + p_amount, version = version + 1 WHERE id = p_target RETURNING * INTO other;
  INSERT INTO yardstick.postings (account, transfer, amount, before, after, version) VALUES
    (p_source, made, -p_amount, one.balance + p_amount, one.balance, one.version),
    (p_target, made, p_amount, other.balance - p_amount, other.balance, other.version);
  RETURN made;
END $$;
