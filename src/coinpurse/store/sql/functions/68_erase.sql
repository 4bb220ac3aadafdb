-- Erases what is known of a person (docs/operating.md). The books stay whole: numbers and what the chain covers remain; what was told by providers about the
-- person goes, and so does the link to their customers. Noted as an act. Refused while somebody else would go on telling or charging.
CREATE OR REPLACE FUNCTION erase(p_account uuid, p_actor text, p_reason text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  w wallets := enter(p_account);
  known text[] := ARRAY(SELECT name FROM names_of(p_account));
BEGIN
  IF w.account IS NULL THEN RETURN jsonb_build_object('status', 'no_account'); END IF;
  IF EXISTS (SELECT FROM subscriptions WHERE account = p_account AND provider <> 'manual' AND status <> 'ended')
     OR EXISTS (SELECT FROM auto_topups WHERE account = p_account AND state = 'buying')
     OR EXISTS (SELECT FROM events WHERE account = p_account AND status IN ('waiting', 'failed') AND next_at < 'infinity') THEN
    RETURN jsonb_build_object('status', 'still_told');
  END IF;
  PERFORM remove_auto_topup(p_account);
  UPDATE accounts SET name = NULL, email = NULL, currency = NULL, locale = NULL, metadata = '{}' WHERE account = p_account;
  UPDATE checkouts c SET url = NULL, return_url = NULL
    FROM accounts a WHERE a.account = p_account AND c.account = a.id AND (c.item->>'test')::boolean = a.test;
  UPDATE events SET body = '', changed_at = clock_timestamp()
   WHERE (account = p_account OR (account IS NULL AND objects && known)) AND body <> '' AND next_at = 'infinity';
  DELETE FROM customers WHERE account = p_account;
  w := post(w, 'erase', p_actor => p_actor, p_reason => p_reason);
  PERFORM save(w);
  RETURN jsonb_build_object('status', 'done');
END $$;
