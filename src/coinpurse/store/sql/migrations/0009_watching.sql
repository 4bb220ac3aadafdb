-- The worker checks the books a slice at a time: how far it is, and what it has found wrong and not found right since.
CREATE TABLE watching (
  one            boolean PRIMARY KEY DEFAULT true CHECK (one),
  after          uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  round_ended_at timestamptz                                 -- when all accounts were through for the last time
);
INSERT INTO watching DEFAULT VALUES;

CREATE TABLE faults (
  account    uuid NOT NULL,
  n          int NOT NULL,
  check_name text NOT NULL,
  act        bigint NOT NULL,
  fault      text NOT NULL,
  found_at   timestamptz NOT NULL,
  PRIMARY KEY (account, n)
);
