-- Who works at the support console, and what they did there (U3).

CREATE TABLE staff (
  staff       text PRIMARY KEY,
  email       text NOT NULL,                               -- in lower case: the name under which they sign in, and act
  name        text NOT NULL,
  role        text NOT NULL CHECK (role IN ('viewer', 'agent', 'lead', 'admin')),
  password    text,                                        -- Argon2's own text; null: by OpenID Connect only
  issuer      text,                                        -- who vouched for them at their first sign-in by OpenID Connect,
  subject     text,                                        -- and under which name: nobody else can come with the same address
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  disabled_at timestamptz
);
CREATE UNIQUE INDEX staff_email ON staff (email);

-- Who is signed in. The key is the hash of what the cookie holds.
CREATE TABLE staff_sessions (
  session    bytea PRIMARY KEY,
  staff      text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX staff_sessions_staff ON staff_sessions (staff);
CREATE INDEX staff_sessions_started ON staff_sessions (started_at);

-- How often somebody tried to sign in lately, by a hash of the email or of the address that they came from.
CREATE TABLE staff_attempts (
  name     bytea PRIMARY KEY,
  attempts int NOT NULL,
  since    timestamptz NOT NULL
);
CREATE INDEX staff_attempts_since ON staff_attempts (since);

-- The audit trail: every act is noted before it is done, and how it ended after it. `staff` asked for it; what goes beyond their limit waits
-- until somebody else decides. The id is the act's idempotency key, so what was cut off can be done again.
CREATE TABLE staff_acts (
  id         uuid PRIMARY KEY,
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  staff      text NOT NULL,
  act        text NOT NULL,
  account    uuid,
  target     text,                                         -- the event, grant, subscription or colleague that it is about
  amount     bigint,                                       -- credits that it gives or takes, which limits count
  reason     text,
  asked      jsonb NOT NULL DEFAULT '{}',                  -- what else was asked for
  state      text NOT NULL CHECK (state IN ('under_way', 'waiting', 'done', 'refused', 'declined')),
  decided_by text,
  decided_at timestamptz,
  decision   text,                                         -- what the second person said
  result     text,
  ended_at   timestamptz
);
CREATE INDEX staff_acts_at ON staff_acts (at DESC, id DESC);
CREATE INDEX staff_acts_account ON staff_acts (account, at DESC) WHERE account IS NOT NULL;
CREATE INDEX staff_acts_staff ON staff_acts (staff, at DESC);
CREATE INDEX staff_acts_decided ON staff_acts (decided_by, decided_at) WHERE decided_by IS NOT NULL;
CREATE INDEX staff_acts_open ON staff_acts (state, at) WHERE state IN ('waiting', 'under_way');

-- What people type when they look for an account: the beginning of its id or address, or of a word of its name.
CREATE INDEX accounts_id ON accounts (id);
CREATE INDEX accounts_id_begins ON accounts ((lower(id) COLLATE "C"));
CREATE INDEX accounts_email ON accounts ((lower(email) COLLATE "C"));
CREATE INDEX accounts_name ON accounts USING gin (to_tsvector('simple'::regconfig, coalesce(name, '')));

-- What refunds could not take back.
CREATE INDEX grants_short ON grants (account, "grant") WHERE asked_back > taken_back + repaid;
