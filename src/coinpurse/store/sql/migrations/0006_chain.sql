-- The chain (L4): each group of acts that one call wrote is tied to all before it by a hash. `acts.hash` stands with the last act of each group, the
-- latest one of an account in its wallet too. What is hashed: docs/engine.md.
ALTER TABLE wallets ADD COLUMN chain bytea;
ALTER TABLE acts ADD COLUMN hash bytea;

-- What an account did before there was a chain: its acts up to this one are in none. Not a row here, not an act outside.
CREATE TABLE unchained (
  account uuid PRIMARY KEY,
  act     bigint NOT NULL
);
INSERT INTO unchained SELECT account, act FROM wallets WHERE act > 0;
