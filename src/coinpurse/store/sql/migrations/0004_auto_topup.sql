-- Automatic top-up (P4): below a threshold a pack is bought with the card on file.

-- One row per account that wants it. `due_at` is when the worker is to look: at an idle one that fell below (infinity: it didn't), or at a
-- purchase whose outcome isn't known yet. What is being bought is kept with the attempt, which is the provider's idempotency key: a retry asks for the very same.
CREATE TABLE auto_topups (
  account        uuid PRIMARY KEY,
  pack           text NOT NULL,
  below          amount NOT NULL,
  most_per_month int NOT NULL CHECK (most_per_month > 0),
  provider       text NOT NULL,
  customer       text NOT NULL,
  state          text NOT NULL DEFAULT 'idle' CHECK (state IN ('idle', 'buying', 'stopped')),
  reason         text,                                      -- why it stopped, in words
  removed        boolean NOT NULL DEFAULT false,            -- it goes when the purchase under way has ended
  month          timestamptz,                               -- the calendar month that is counted, in UTC by the account's clock
  bought         int NOT NULL DEFAULT 0,                    -- in that month, the one under way included
  capped         timestamptz,                               -- the month in which the app was told that no more will be bought
  attempt        uuid,
  offer          jsonb,                                     -- what the attempt buys
  purchase       text,                                      -- the provider's identifier of it, once it is known
  tries          int NOT NULL DEFAULT 0,
  started_at     timestamptz,
  due_at         timestamptz NOT NULL DEFAULT 'infinity',
  changed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (state <> 'buying' OR attempt IS NOT NULL)
);
CREATE INDEX auto_topups_due ON auto_topups (due_at) WHERE due_at < 'infinity';

-- The same threshold where the hot path has it at hand; null for most.
ALTER TABLE wallets ADD COLUMN top_up_below bigint;
