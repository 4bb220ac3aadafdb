-- Creates an account or changes what is said of it; what is null stays as it was. A test clock can only be started on an account that
-- has no later act, and never goes back (T9).
CREATE OR REPLACE FUNCTION put_account(
  p_account uuid, p_id text, p_test boolean, p_name text, p_email text, p_currency text, p_locale text, p_metadata jsonb, p_clock timestamptz
) RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  created boolean;
  moved jsonb;
BEGIN
  INSERT INTO wallets (account, at, clock) VALUES (p_account, '-infinity', p_clock) ON CONFLICT (account) DO NOTHING;
  created := FOUND;
  INSERT INTO accounts AS a (account, id, test, name, email, currency, locale, metadata, created_at)
  VALUES (p_account, p_id, p_test, p_name, p_email, p_currency, p_locale, coalesce(p_metadata, '{}'), coalesce(p_clock, clock_timestamp()))
  ON CONFLICT (account) DO UPDATE SET name = coalesce(p_name, a.name), email = coalesce(p_email, a.email), currency = coalesce(p_currency, a.currency),
    locale = coalesce(p_locale, a.locale), metadata = coalesce(p_metadata, a.metadata);
  IF p_clock IS NOT NULL AND NOT created THEN
    moved := move_clock(p_account, p_clock);
    IF moved->>'status' <> 'done' THEN RETURN moved; END IF;
  END IF;
  RETURN jsonb_build_object('status', CASE WHEN created THEN 'created' ELSE 'done' END);
END $$;

-- Moves an account's test clock forward, and does all that waiting would have done (T9).
CREATE OR REPLACE FUNCTION move_clock(p_account uuid, p_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE w wallets := enter(p_account);
BEGIN
  IF w.account IS NULL THEN RETURN jsonb_build_object('status', 'no_account'); END IF;
  IF p_now < coalesce(w.clock, (SELECT at FROM wallets WHERE account = p_account)) THEN
    RETURN jsonb_build_object('status', 'clock_backwards', 'now', w.at);
  END IF;
  w.at := (SELECT at FROM wallets WHERE account = p_account);
  w.clock := p_now;
  PERFORM save(advance(w, p_now));
  RETURN jsonb_build_object('status', 'done');
END $$;

-- Brings an account up to now and keeps it so (T4).
CREATE OR REPLACE FUNCTION touch(p_account uuid) RETURNS void
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
BEGIN
  PERFORM enter(p_account);
END $$;
