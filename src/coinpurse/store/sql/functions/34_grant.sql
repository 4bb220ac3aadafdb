-- Notes the grant that the account's next act will give.
CREATE OR REPLACE FUNCTION new_grant(
  w wallets, p_kind text, p_amount bigint, p_expires_at timestamptz, p_source jsonb, p_reason text DEFAULT NULL,
  p_priority int DEFAULT 0, p_subscription bigint DEFAULT NULL, p_provisional boolean DEFAULT false
) RETURNS void LANGUAGE sql AS $$
  INSERT INTO grants (account, "grant", kind, amount, priority, starts_at, expires_at, subscription, source, reason, provisional)
  VALUES (w.account, w.act + 1, p_kind, p_amount, p_priority, w.at, p_expires_at, p_subscription, p_source, p_reason, p_provisional)
$$;

-- Gives credits: by support, by an application, or for a payment (P1). A payment's reference is unique across all accounts: the
-- second time it is a replay, whatever the key (P2).
CREATE OR REPLACE FUNCTION give(
  p_account uuid, p_key uuid, p_fingerprint bigint, p_kind text, p_amount bigint, p_expires_at timestamptz, p_priority int, p_source jsonb,
  p_actor text, p_reason text, p_provider text DEFAULT NULL, p_reference text DEFAULT NULL
) RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  w wallets := enter(p_account);
  known jsonb := coalesce(recall(p_account, p_key, p_fingerprint), paid_before(p_account, p_key, p_fingerprint, p_provider, p_reference, 'topup'));
BEGIN
  IF w.account IS NULL THEN RETURN jsonb_build_object('status', 'no_account'); END IF;
  IF known IS NOT NULL THEN RETURN known; END IF;
  IF p_expires_at <= w.at THEN RETURN jsonb_build_object('status', 'already_expired', 'now', w.at); END IF;
  IF w.monthly + w.other + w.addon + p_amount > 1000000000000000 THEN RETURN jsonb_build_object('status', 'too_much'); END IF;
  PERFORM new_grant(w, p_kind, p_amount, p_expires_at, p_source, p_reason, p_priority);
  w := post(w, CASE WHEN p_reference IS NULL THEN 'grant' ELSE 'topup' END, 'g', ARRAY[w.act + 1], ARRAY[p_amount], p_amount => p_amount, p_actor => p_actor, p_reason => p_reason);
  IF p_reference IS NOT NULL THEN
    INSERT INTO payments (provider, reference, purpose, account, act) VALUES (p_provider, p_reference, 'topup', w.account, w.act);
  END IF;
  w.due_at := least(w.due_at, p_expires_at);
  RETURN finish(CASE p_kind WHEN 'addon' THEN repay(w) ELSE w END, p_key, p_fingerprint, w.act);
END $$;

-- The answer to a payment that was recorded before for the same purpose, or null (P2).
CREATE OR REPLACE FUNCTION paid_before(p_account uuid, p_key uuid, p_fingerprint bigint, p_provider text, p_reference text, p_purpose text) RETURNS jsonb LANGUAGE sql AS $$
  SELECT CASE WHEN account = p_account AND purpose = p_purpose THEN done_before(account, p_key, p_fingerprint, act)
              ELSE jsonb_build_object('status', 'payment_elsewhere') END
    FROM payments WHERE provider = p_provider AND reference = p_reference
$$;

-- Takes back what is unspent of a grant, whole (which closes it) or in part.
CREATE OR REPLACE FUNCTION revoke_grant(
  p_account uuid, p_grant bigint, p_key uuid, p_fingerprint bigint, p_amount bigint, p_actor text, p_reason text
) RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  w wallets := enter(p_account);
  known jsonb := recall(p_account, p_key, p_fingerprint);
  g grants;
  unspent bigint;
  back record;
BEGIN
  IF known IS NOT NULL THEN RETURN known; END IF;
  SELECT * INTO g FROM grants WHERE account = p_account AND "grant" = p_grant;
  IF NOT FOUND THEN RETURN jsonb_build_object('status', 'no_grant'); END IF;
  IF g.closed IS NOT NULL THEN RETURN jsonb_build_object('status', 'grant_closed', 'closed', g.closed); END IF;
  unspent := coalesce(w.remaining[array_position(w.live, p_grant)], 0);
  IF p_amount > unspent THEN RETURN jsonb_build_object('status', 'exceeds_grant', 'remaining', unspent, 'asked', p_amount); END IF;
  SELECT coalesce(string_agg(letter, ''), '') AS moves, array_agg(p_grant) AS grants, array_agg(amount) AS amounts INTO back
    FROM (VALUES ('v', coalesce(p_amount, unspent)), ('u', CASE WHEN p_amount IS NULL THEN g.frozen END)) AS t(letter, amount) WHERE amount > 0;
  IF p_amount IS NULL THEN UPDATE grants SET closed = 'revoked' WHERE account = p_account AND "grant" = p_grant; END IF;
  w := post(note_terms(w), 'revoke', back.moves, back.grants, back.amounts, p_of => p_grant, p_amount => coalesce(p_amount, unspent + coalesce(g.frozen, 0)),
            p_actor => p_actor, p_reason => p_reason);
  RETURN finish(w, p_key, p_fingerprint);
END $$;
