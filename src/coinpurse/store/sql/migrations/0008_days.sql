-- The ledger summed up by day, for the operator's overview: kept by the worker, exact up to the act that `summed` names of each account.
CREATE TABLE days (
  day      timestamptz NOT NULL,                           -- its beginning, in UTC
  test     boolean NOT NULL,
  bucket   text NOT NULL CHECK (bucket IN ('monthly', 'other', 'addon')),
  granted  bigint NOT NULL,
  spent    bigint NOT NULL,
  returned bigint NOT NULL,                                -- of what was spent
  expired  bigint NOT NULL,
  revoked  bigint NOT NULL,                                -- less what came back of that
  PRIMARY KEY (day, test, bucket)
);

-- Up to which act an account is in `days` (and up to which it was before that), and whether its balance is low.
CREATE TABLE summed (
  account   uuid PRIMARY KEY,
  act       bigint NOT NULL,
  before    bigint NOT NULL,
  test      boolean NOT NULL,
  at        timestamptz NOT NULL,                          -- of its latest act
  available bigint NOT NULL,
  low_below bigint NOT NULL,                               -- what counted as low when it was looked at
  low       boolean NOT NULL
);
CREATE INDEX summed_low ON summed (test, at DESC) WHERE low;

-- The round through all accounts: after which one it goes on (null: a new round), since when, and since when the last whole one holds.
CREATE TABLE summing (
  one      boolean PRIMARY KEY CHECK (one),
  after    uuid,
  began_at timestamptz NOT NULL,
  as_of    timestamptz
);
