-- The tables of Coinpurse. Everything that belongs to an account has the account first in its key, so that the
-- tables can be spread over machines by account. Instants are timestamptz, amounts are bigint credits.

CREATE DOMAIN amount AS bigint CHECK (VALUE BETWEEN 0 AND 1000000000000000);
-- What an account has in a place. Never below zero; grants stop at the limit, but time, payments, releases and reversals may pass it.
CREATE DOMAIN credits AS bigint CHECK (VALUE >= 0);

-- Who holds credits. `account` is the first half of the SHA-256 of the name that the app uses (`id`).
CREATE TABLE accounts (
  account    uuid PRIMARY KEY,
  id         text NOT NULL,
  test       boolean NOT NULL,
  name       text,
  email      text,
  currency   text,
  locale     text,
  metadata   jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL
);

-- The hot row: what an account can spend now. `live`, `kinds` and `remaining` are its open grants with something available, in
-- burn order; the sums per bucket are kept beside them. Nothing here can't be worked out again from `acts`.
CREATE TABLE wallets (
  account        uuid PRIMARY KEY,
  act            bigint NOT NULL DEFAULT 0,               -- the number of the latest act
  sequence       bigint NOT NULL DEFAULT 0,               -- the number of the latest entry
  at             timestamptz NOT NULL,                    -- no act may be dated earlier
  due_at         timestamptz NOT NULL DEFAULT 'infinity', -- nothing changes by time before this instant
  clock          timestamptz,                             -- a test clock, where there is one
  terms          bigint NOT NULL DEFAULT 0,               -- the current row of `terms`
  monthly        credits NOT NULL DEFAULT 0,              -- available, by bucket
  other          credits NOT NULL DEFAULT 0,
  addon          credits NOT NULL DEFAULT 0,
  held_monthly   credits NOT NULL DEFAULT 0,
  held_other     credits NOT NULL DEFAULT 0,
  held_addon     credits NOT NULL DEFAULT 0,
  frozen_monthly credits NOT NULL DEFAULT 0,
  frozen_other   credits NOT NULL DEFAULT 0,
  frozen_addon   credits NOT NULL DEFAULT 0,
  live           bigint[] NOT NULL DEFAULT '{}',
  kinds          text NOT NULL DEFAULT '',                -- one letter per live grant: m, p, c, a
  remaining      bigint[] NOT NULL DEFAULT '{}',
  CHECK (cardinality(live) = cardinality(remaining) AND cardinality(live) = length(kinds))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX wallets_due ON wallets (due_at) WHERE due_at < 'infinity';

-- The ledger: one row for each thing that happened to an account, never changed. `moves` has one letter per entry (docs/engine.md
-- lists them); `grants` and `amounts` run beside it. The sums are the balance after the act; null stands for 0.
CREATE TABLE acts (
  account        uuid NOT NULL,
  act            bigint NOT NULL,
  sequence       bigint NOT NULL,
  at             timestamptz NOT NULL,
  kind           text NOT NULL,
  moves          text NOT NULL,
  grants         bigint[],
  amounts        bigint[],
  amount         bigint,                                  -- what was asked for
  of             bigint,                                  -- the act, grant or subscription that this one is about
  terms          bigint NOT NULL,
  monthly        bigint,
  other          bigint,
  addon          bigint,
  held_monthly   bigint,
  held_other     bigint,
  held_addon     bigint,
  frozen_monthly bigint,
  frozen_other   bigint,
  frozen_addon   bigint,
  operation      text,
  quantity       bigint,
  details        jsonb,
  actor          text,
  reason         text,
  PRIMARY KEY (account, act)
);
CREATE INDEX acts_of ON acts (account, of, act) WHERE of IS NOT NULL;

-- The letters of `moves`: which kind of entry each is, from which place to which, and what it does to `available`.
CREATE TABLE moves (
  letter text PRIMARY KEY,
  kind   text NOT NULL,
  source text NOT NULL,
  target text NOT NULL,
  sign   int  NOT NULL GENERATED ALWAYS AS ((target = 'available')::int - (source = 'available')::int) STORED
);
INSERT INTO moves (letter, kind, source, target) VALUES
  ('g', 'grant', 'issued', 'available'),    ('c', 'charge', 'available', 'spent'),   ('h', 'hold', 'available', 'held'),
  ('k', 'charge', 'held', 'spent'),         ('r', 'release', 'held', 'available'),   ('l', 'expiry', 'held', 'expired'),
  ('w', 'revocation', 'held', 'revoked'),   ('q', 'freeze', 'held', 'frozen'),       ('x', 'expiry', 'available', 'expired'),
  ('v', 'revocation', 'available', 'revoked'), ('b', 'reversal', 'spent', 'available'), ('n', 'reversal', 'spent', 'expired'),
  ('e', 'reversal', 'spent', 'frozen'),     ('o', 'reversal', 'spent', 'revoked'),   ('f', 'freeze', 'available', 'frozen'),
  ('t', 'thaw', 'frozen', 'available'),     ('z', 'expiry', 'frozen', 'expired'),      ('u', 'revocation', 'frozen', 'revoked');

-- Credits given once. `grant` is the number of the act that gave them. What was given never changes; how it ended is noted beside it.
CREATE TABLE grants (
  account      uuid NOT NULL,
  "grant"      bigint NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('monthly', 'promo', 'compensation', 'addon')),
  amount       amount NOT NULL CHECK (amount > 0),
  priority     int NOT NULL DEFAULT 0,
  starts_at    timestamptz NOT NULL,
  expires_at   timestamptz,
  subscription bigint,
  source       jsonb NOT NULL,
  reason       text,
  provisional  boolean NOT NULL DEFAULT false,
  frozen       bigint,                                    -- how much is frozen; null: the grant is not
  closed       text CHECK (closed IN ('expired', 'revoked')),
  PRIMARY KEY (account, "grant")
);
CREATE INDEX grants_open ON grants (account, subscription, expires_at) WHERE closed IS NULL;

-- Open holds. A hold's row goes when it is captured, released or timed out; the act that did it stays (`acts.of`).
CREATE TABLE holds (
  account    uuid NOT NULL,
  hold       bigint NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (account, hold)
);
CREATE INDEX holds_due ON holds (account, expires_at);

-- Subscriptions as they stand, with the terms under which they were sold.
CREATE TABLE subscriptions (
  account       uuid NOT NULL,
  subscription  bigint NOT NULL,
  provider      text NOT NULL,
  plan          text NOT NULL,
  months        int NOT NULL CHECK (months IN (1, 12)),       -- the billing interval
  allocation    amount NOT NULL,
  renewal       text NOT NULL CHECK (renewal IN ('provisional', 'paid_with_grace', 'strict')),
  grace         interval NOT NULL,
  late_after    interval NOT NULL,
  cap           amount,
  starts_at     timestamptz NOT NULL,
  trial_credits amount,                                       -- null: no trial
  anchor        timestamptz NOT NULL,
  paid_months   int NOT NULL,
  period        int,                                          -- the running period's number; -1 is the trial; null: none yet
  period_state  text,                                         -- what became of it, as in renewals
  status        text NOT NULL CHECK (status IN ('trialing', 'active', 'past_due', 'paused', 'ended')),
  ends_at       timestamptz,
  pending       jsonb,                                        -- a plan change, and the number of the period with which it comes
  created_at    timestamptz NOT NULL,
  PRIMARY KEY (account, subscription)
);

-- One row per period of a subscription and what became of it.
CREATE TABLE renewals (
  account      uuid NOT NULL,
  subscription bigint NOT NULL,
  period_start timestamptz NOT NULL,
  period_end   timestamptz NOT NULL,
  plan         text NOT NULL,
  policy       text NOT NULL,
  state        text NOT NULL CHECK (state IN ('expected', 'provisional', 'granted', 'late', 'failed', 'skipped')),
  unpaid       bigint NOT NULL DEFAULT 0,
  changed_at   timestamptz NOT NULL,
  PRIMARY KEY (account, subscription, period_start)
);
CREATE INDEX renewals_state ON renewals (state, period_start) WHERE state IN ('expected', 'provisional', 'late', 'failed');

-- What a balance shows besides numbers (allocation, period, subscriptions), each version kept, so that any past answer can be given again.
CREATE TABLE terms (
  account uuid NOT NULL,
  version bigint NOT NULL,
  terms   jsonb NOT NULL,
  PRIMARY KEY (account, version)
);

-- Idempotency keys, in three tables that are used in turn, each for 35 days, and emptied before their next turn.
CREATE TABLE keys (
  account     uuid NOT NULL,
  slot        int NOT NULL,
  key         uuid NOT NULL,
  fingerprint bigint NOT NULL,
  act         bigint NOT NULL,
  PRIMARY KEY (account, key, slot)
) PARTITION BY LIST (slot);
CREATE TABLE keys_0 PARTITION OF keys FOR VALUES IN (0);
CREATE TABLE keys_1 PARTITION OF keys FOR VALUES IN (1);
CREATE TABLE keys_2 PARTITION OF keys FOR VALUES IN (2);

-- What the hot path reads of a key in one look.
CREATE TYPE key_used AS (fingerprint bigint, act bigint);

-- Money that was received, unique across all accounts: one payment makes one grant or one move of a date.
CREATE TABLE payments (
  provider  text NOT NULL,
  reference text NOT NULL,
  purpose   text NOT NULL,                                    -- what it was for: topup, subscribe, or pay with the subscription
  account   uuid NOT NULL,
  act       bigint NOT NULL,
  PRIMARY KEY (provider, reference)
);
CREATE INDEX payments_account ON payments (account, act);

-- What is being bought at the built-in test checkout.
CREATE TABLE checkouts (
  checkout   text PRIMARY KEY,
  account    text NOT NULL,
  item       jsonb NOT NULL,
  status     text NOT NULL CHECK (status IN ('open', 'paid', 'expired')),
  return_url text,
  created_at timestamptz NOT NULL
);

-- Catalogs that have been in force, so that what was sold can always be looked up.
CREATE TABLE catalogs (
  version   text PRIMARY KEY,
  content   jsonb NOT NULL,
  loaded_at timestamptz NOT NULL
);

CREATE TABLE api_keys (
  id         text PRIMARY KEY,
  hash       bytea NOT NULL UNIQUE,
  scopes     text[] NOT NULL,
  test       boolean NOT NULL,
  name       text,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz
);

-- What this deployment made up for itself, such as the key that signs sessions.
CREATE TABLE secrets (
  name  text PRIMARY KEY,
  value bytea NOT NULL
);
