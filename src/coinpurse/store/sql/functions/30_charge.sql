-- One charge, with care: for accounts that are due, can't pay for all that a batch asks, or were refused by it.
CREATE OR REPLACE FUNCTION charge(
  p_account uuid, p_key uuid, p_fingerprint bigint, p_amount bigint, p_operation text, p_quantity bigint, p_details jsonb, p_actor text
) RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  w wallets := enter(p_account);
  known jsonb := recall(p_account, p_key, p_fingerprint);
  b record;
BEGIN
  IF w.account IS NULL THEN RETURN jsonb_build_object('status', 'no_account'); END IF;
  IF known IS NOT NULL THEN RETURN known; END IF;
  IF p_amount > w.monthly + w.other + w.addon THEN RETURN short_of(w, p_amount); END IF;
  b := burn(w, p_amount);
  w := post(w, 'charge', repeat('c', cardinality(b.grants)), b.grants, b.amounts, p_amount => p_amount, p_actor => p_actor,
            p_operation => p_operation, p_quantity => p_quantity, p_details => p_details);
  RETURN finish(w, p_key, p_fingerprint);
END $$;
