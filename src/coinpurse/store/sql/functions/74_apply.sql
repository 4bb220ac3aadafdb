-- Applies the facts of a billing event and marks it, in one transaction (E1): all of them, or none where one needs what is not known yet.
-- Without an event: facts that were found by looking. `p_facts` is {"facts": [...]}, each with `fact`, its fields, and what the catalog says.
CREATE OR REPLACE FUNCTION apply_event(p_provider text, p_event text, p_facts jsonb, p_actor text, p_upgrade text, p_clawback text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  f jsonb;
  owner uuid;
  one jsonb;
  did text[] := '{}';
  saw text[] := '{}';
  before bigint;
  written bigint[] := '{}';
  summary text;
BEGIN
  FOR f IN SELECT value FROM jsonb_array_elements(p_facts->'facts') WITH ORDINALITY ORDER BY ordinality LOOP
    IF f->>'fact' = 'paid_with' THEN
      saw := saw || note_paid_with(p_provider, f);
      CONTINUE;
    END IF;
    owner := whose(p_provider, f);
    before := (enter(owner)).act;
    IF before IS NULL THEN RAISE EXCEPTION USING ERRCODE = 'CP001', MESSAGE = nobody(f, owner); END IF;
    PERFORM link(p_provider, f, owner);
    one := heed(owner, p_provider, f, p_actor, p_upgrade, p_clawback);
    IF one->>'status' = 'not_yet' THEN RAISE EXCEPTION USING ERRCODE = 'CP001', MESSAGE = one->>'text'; END IF;
    IF one->>'status' = 'done' THEN did := did || (one->>'text'); ELSE saw := saw || (one->>'text'); END IF;
    written := written || ARRAY(SELECT act FROM acts WHERE account = owner AND act > before AND actor = p_actor ORDER BY act);
  END LOOP;
  summary := array_to_string(CASE WHEN did = '{}' THEN saw ELSE did END, ' ');
  -- Worked on again, it keeps what it led to the first time.
  UPDATE events SET status = 'applied', outcome = summary, account = coalesce(owner, account), acts = nullif(coalesce(acts, '{}') || written, '{}'), next_at = 'infinity',
         claimed_until = NULL, changed_at = clock_timestamp() WHERE provider = p_provider AND event = p_event;
  RETURN jsonb_build_object('status', 'applied', 'outcome', summary, 'account', owner, 'acts', written);
EXCEPTION WHEN SQLSTATE 'CP001' THEN
  RETURN jsonb_build_object('status', 'failed', 'outcome', SQLERRM, 'account', owner, 'acts', '[]'::jsonb);
END $$;

-- Does what one fact says.
CREATE OR REPLACE FUNCTION heed(p_account uuid, p_provider text, f jsonb, p_actor text, p_upgrade text, p_clawback text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  RETURN CASE f->>'fact'
    WHEN 'linked' THEN told('nothing', 'The customer is known.')
    WHEN 'standing' THEN heed_standing(p_account, p_provider, f, p_actor, p_upgrade)
    WHEN 'paid' THEN heed_paid(p_account, p_provider, f, p_actor, p_upgrade)
    WHEN 'change_paid' THEN heed_change_paid(p_account, p_provider, f, p_actor, p_upgrade)
    WHEN 'unpaid' THEN heed_unpaid(p_account, p_provider, f, p_actor)
    WHEN 'purchase' THEN heed_purchase(p_account, p_provider, f, p_actor)
    WHEN 'returned' THEN heed_returned(p_account, p_provider, f, p_actor, p_clawback) END;
END $$;

-- Whose a fact is: of the account that it names, else of its subscription's, its customer's or its payment's. Null: nobody knows yet.
CREATE OR REPLACE FUNCTION whose(p_provider text, f jsonb) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT coalesce((f->>'digest')::uuid,
                  (SELECT account FROM standings WHERE provider = p_provider AND reference = f->>'subscription'),
                  (SELECT account FROM customers WHERE provider = p_provider AND customer = f->>'customer'),
                  (SELECT account FROM paid_by(p_provider, f->>'payment') WHERE f->>'fact' = 'returned' ORDER BY reference LIMIT 1))
$$;

-- Why nobody's: in words.
CREATE OR REPLACE FUNCTION nobody(f jsonb, p_owner uuid) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_owner IS NOT NULL THEN 'There is no account ' || coalesce('"' || (f->>'account') || '"', p_owner::text) || '. Create it, then retry this event.'
              WHEN f->>'fact' = 'returned' THEN 'Nothing is known here that was paid with ' || (f->>'payment') || '.'
              ELSE 'No account is known for ' || coalesce('subscription ' || (f->>'subscription'), 'the purchase ' || (f->>'purchase'), 'the customer')
                   || coalesce(' of customer ' || (f->>'customer'), '') || '. Name it in the object''s metadata (coinpurse_account), or link the customer.' END
$$;

-- Keeps whose a customer is: the first that was seen. An object that names its account is that account's whosever the customer is.
CREATE OR REPLACE FUNCTION link(p_provider text, f jsonb, p_account uuid) RETURNS void LANGUAGE sql AS $$
  INSERT INTO customers (provider, customer, account) SELECT p_provider, f->>'customer', p_account WHERE f->>'customer' IS NOT NULL
  ON CONFLICT (provider, customer) DO NOTHING
$$;

-- Keeps which payment paid an invoice, whichever is told first.
CREATE OR REPLACE FUNCTION note_paid_with(p_provider text, f jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO paid_with (provider, invoice, payment) VALUES (p_provider, f->>'invoice', f->>'payment') ON CONFLICT DO NOTHING;
  RETURN 'The payment of the invoice is known.';
END $$;
