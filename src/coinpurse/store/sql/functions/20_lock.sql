-- Writes the account's row back.
CREATE OR REPLACE FUNCTION save(w wallets) RETURNS void LANGUAGE sql AS $$
  UPDATE wallets SET act = w.act, sequence = w.sequence, at = w.at, due_at = w.due_at, clock = w.clock, terms = w.terms,
         monthly = w.monthly, other = w.other, addon = w.addon,
         held_monthly = w.held_monthly, held_other = w.held_other, held_addon = w.held_addon,
         frozen_monthly = w.frozen_monthly, frozen_other = w.frozen_other, frozen_addon = w.frozen_addon,
         live = w.live, kinds = w.kinds, remaining = w.remaining, chain = w.chain
   WHERE account = w.account
$$;

-- Every act on an account begins here: locks its row by a write (a row lock alone would not fence a moving shard), and brings the
-- account up to now (T4). `at` of the answer is the account's now. No such account: an answer of nulls.
CREATE OR REPLACE FUNCTION enter(p_account uuid) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE
  w wallets;
  present timestamptz;
BEGIN
  UPDATE wallets SET act = act WHERE account = p_account RETURNING * INTO w;
  IF NOT FOUND THEN RETURN NULL; END IF;
  present := coalesce(w.clock, greatest(w.at, clock_timestamp()));
  IF w.due_at <= present THEN
    w := advance(w, present);
    PERFORM save(w);
  END IF;
  w.at := present;
  RETURN w;
END $$;
