-- What apps are told: outgoing events, written in the transaction of what they are about (E5), and where they are delivered.

-- Where events go. No types: all of them. `former_secret` signs beside `secret` for a while after a rotation.
CREATE TABLE webhook_endpoints (
  endpoint      text PRIMARY KEY,
  url           text NOT NULL,
  secret        text NOT NULL,
  former_secret text,
  former_until  timestamptz,
  types         text[] NOT NULL DEFAULT '{}',
  test          boolean NOT NULL,
  created_at    timestamptz NOT NULL,
  disabled_at   timestamptz,
  disabled_why  text,
  removed_at    timestamptz
);
CREATE UNIQUE INDEX webhook_endpoints_url ON webhook_endpoints (url, test) WHERE removed_at IS NULL;
CREATE INDEX webhook_endpoints_on ON webhook_endpoints (test) WHERE disabled_at IS NULL; -- the hot path asks whether there is any

-- What announcing must know of the catalog in force: one row.
CREATE TABLE announcing (
  one         boolean PRIMARY KEY DEFAULT true CHECK (one),
  low_balance bigint                                      -- below this a balance is low; null: never
);
INSERT INTO announcing DEFAULT VALUES;

-- Events in the order in which they happened to an account: by act, and by `n` within an act. What no act is about has the latest act and,
-- as its `n`, the microsecond of the clock, which no other event has.
CREATE TABLE outbox (
  account    uuid NOT NULL,
  act        bigint NOT NULL,
  n          bigint NOT NULL,
  type       text NOT NULL,
  at         timestamptz NOT NULL,                        -- when it happened, by the account's clock
  data       jsonb NOT NULL,
  written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (account, act, n)
);

-- One event on its way to one endpoint.
CREATE TABLE webhook_deliveries (
  account    uuid NOT NULL,
  act        bigint NOT NULL,
  n          bigint NOT NULL,
  endpoint   text NOT NULL,
  state      text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
  attempts   int NOT NULL DEFAULT 0,
  last_error text,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (account, act, n, endpoint)
);
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (account, endpoint, act, n) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_state ON webhook_deliveries (state, changed_at);

-- An account's waiting deliveries to an endpoint, as one queue: only its first is ever under way, so that none overtakes another.
-- `next_at` is when that one may be tried; infinity: nothing waits. A claim pushes it ahead by the length of the lease.
CREATE TABLE webhook_queues (
  account  uuid NOT NULL,
  endpoint text NOT NULL,
  next_at  timestamptz NOT NULL,
  claim    uuid,
  PRIMARY KEY (account, endpoint)
);
CREATE INDEX webhook_queues_due ON webhook_queues (endpoint, next_at) WHERE next_at < 'infinity';
