-- What payment providers say and sell. Tables that are unique across accounts are keyed by the provider's own identifiers.

-- These take one argument more now; beside the older form a call would name neither.
DROP FUNCTION IF EXISTS finish(wallets, uuid, bigint);
DROP FUNCTION IF EXISTS fail(wallets, subscriptions);
DROP FUNCTION IF EXISTS confirm(wallets, subscriptions, text, text);
DROP FUNCTION IF EXISTS open_checkout(text, text, jsonb, text);

-- Every delivery as it was received, stored before it is acted on (E1). `next_at` is when it is to be worked on; infinity: no more by itself.
CREATE TABLE events (
  provider      text NOT NULL,
  event         text NOT NULL,
  type          text NOT NULL,
  test          boolean NOT NULL,
  created_at    timestamptz NOT NULL,                       -- by the provider's word
  received_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  body          bytea NOT NULL,
  objects       text[] NOT NULL DEFAULT '{}',               -- the provider's identifiers of what it is about
  account       uuid,
  status        text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'applied', 'ignored', 'failed')),
  outcome       text,                                       -- in words
  acts          bigint[],                                   -- what it led to, in the account's ledger
  attempts      int NOT NULL DEFAULT 0,
  next_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  claimed_until timestamptz,
  changed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (provider, event)
);
CREATE INDEX events_due ON events (next_at) WHERE status IN ('waiting', 'failed') AND next_at < 'infinity';
CREATE INDEX events_account ON events (account, received_at);
CREATE INDEX events_status ON events (status, received_at);
CREATE INDEX events_received ON events (received_at);
CREATE INDEX events_event ON events (event);
CREATE INDEX events_objects ON events USING gin (objects);

-- Which account a provider's customer is.
CREATE TABLE customers (
  provider text NOT NULL,
  customer text NOT NULL,
  account  uuid NOT NULL,
  PRIMARY KEY (provider, customer)
);
CREATE INDEX customers_account ON customers (account);

-- Subscriptions by the provider's word: the latest standing, and the subscription here that follows it, once there is one.
CREATE TABLE standings (
  provider     text NOT NULL,
  reference    text NOT NULL,
  account      uuid NOT NULL,
  subscription bigint,
  as_of        timestamptz NOT NULL DEFAULT '-infinity',
  rank         int NOT NULL DEFAULT 0,
  standing     jsonb,
  PRIMARY KEY (provider, reference)
);
CREATE INDEX standings_account ON standings (account);

-- Which payment paid an invoice, where the provider tells it apart from the invoice.
CREATE TABLE paid_with (
  provider text NOT NULL,
  invoice  text NOT NULL,
  payment  text NOT NULL,
  PRIMARY KEY (provider, invoice, payment)
);
CREATE INDEX paid_with_payment ON paid_with (provider, payment);

-- Disputes of payments, as they stand.
CREATE TABLE disputes (
  provider text NOT NULL,
  dispute  text NOT NULL,
  payment  text NOT NULL,
  disputed bigint NOT NULL,
  lost     bigint NOT NULL,
  as_of    timestamptz NOT NULL,
  PRIMARY KEY (provider, dispute)
);
CREATE INDEX disputes_payment ON disputes (provider, payment);

-- `payment` is what a refund names; a subscription's line covers `[starts_at, ends_at)`.
ALTER TABLE payments
  ADD COLUMN payment text, ADD COLUMN invoice text, ADD COLUMN amount bigint, ADD COLUMN currency text,
  ADD COLUMN starts_at timestamptz, ADD COLUMN ends_at timestamptz,
  ADD COLUMN refunded bigint, ADD COLUMN refunded_as_of timestamptz;
CREATE INDEX payments_payment ON payments (provider, payment) WHERE payment IS NOT NULL;
CREATE INDEX payments_invoice ON payments (provider, invoice) WHERE invoice IS NOT NULL;

-- A fixed end stays where it is when a payment comes; the other kind moves with what is paid. Null: false. How many of the plan were sold: by a
-- provider's word; null: 1.
ALTER TABLE subscriptions ADD COLUMN ends_fixed boolean, ADD COLUMN quantity int;

-- What a grant has to give back since its money went back: in all, so far, paid by later grants; and what a dispute holds.
ALTER TABLE grants
  ADD COLUMN asked_back bigint, ADD COLUMN taken_back bigint, ADD COLUMN repaid bigint, ADD COLUMN disputed bigint,
  ADD COLUMN clawback text CHECK (clawback IN ('forgive', 'debt'));
CREATE INDEX grants_asked_back ON grants (account, "grant") WHERE asked_back IS NOT NULL;
INSERT INTO moves (letter, kind, source, target) VALUES ('y', 'adjustment', 'revoked', 'available');

-- What is being bought, at a provider or at the built-in test checkout. `reference` is the provider's identifier of it.
ALTER TABLE checkouts DROP CONSTRAINT checkouts_status_check;
ALTER TABLE checkouts
  ADD CONSTRAINT checkouts_status_check CHECK (status IN ('open', 'pending', 'paid', 'failed', 'expired')),
  ADD COLUMN provider text NOT NULL DEFAULT 'manual', ADD COLUMN reference text, ADD COLUMN url text, ADD COLUMN changed_at timestamptz,
  ADD COLUMN expires_at timestamptz, ADD COLUMN latest_subscription bigint;  -- the account's, when this was opened: a later one is what it sold
CREATE UNIQUE INDEX checkouts_reference ON checkouts (provider, reference) WHERE reference IS NOT NULL;
CREATE INDEX checkouts_account ON checkouts (account, created_at);
