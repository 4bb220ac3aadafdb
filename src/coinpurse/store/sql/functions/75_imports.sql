-- Imports rows, each whole or not at all, and says of each what became of it. `p_rows` is {"rows": [...]}; accounts are locked in one order.
CREATE OR REPLACE FUNCTION import_rows(p_rows jsonb, p_actor text, p_upgrade text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  r jsonb;
  done jsonb := '[]';
BEGIN
  FOR r IN SELECT value FROM jsonb_array_elements(p_rows->'rows') WITH ORDINALITY ORDER BY value->>'account', ordinality LOOP
    done := done || jsonb_build_array(import_row(r, p_actor, p_upgrade) || jsonb_build_object('n', r->'n'));
  END LOOP;
  RETURN done;
END $$;

-- One row. Its account is created where it is missing, and gets a name and an e-mail address where it has none. A row that was imported
-- before does nothing, whatever has happened to its credits since.
CREATE OR REPLACE FUNCTION import_row(r jsonb, p_actor text, p_upgrade text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  owner uuid := (r->>'account')::uuid;
  known text;
  named accounts;
  born boolean := (enter(owner)).account IS NULL;
  did boolean;
BEGIN
  known := imported_as(owner, r);
  IF known IS NOT NULL THEN RETURN jsonb_build_object('status', CASE WHEN known = r->>'digest' THEN 'known' ELSE 'changed' END); END IF;
  SELECT * INTO named FROM accounts WHERE account = owner;
  PERFORM put_account(owner, r->>'id', (r->>'test')::boolean, CASE WHEN named.name IS NULL THEN r->>'name' END,
                      CASE WHEN named.email IS NULL THEN r->>'email' END, NULL, NULL, NULL, NULL);
  did := CASE r->>'kind'
    WHEN 'topups' THEN import_topup(owner, r, p_actor)
    WHEN 'subscriptions' THEN import_subscription(owner, r, p_actor, p_upgrade)
    WHEN 'facts' THEN import_facts(owner, r, p_upgrade)
    ELSE import_balance(owner, r, p_actor) END;
  IF did AND r->>'kind' <> 'facts' THEN
    INSERT INTO imports (account, kind, reference, digest) VALUES (owner, r->>'kind', r->>'reference', r->>'digest');
  END IF;
  RETURN jsonb_build_object('status', CASE WHEN did OR born THEN 'done' ELSE 'known' END, 'born', born);
EXCEPTION WHEN SQLSTATE 'CP002' THEN RETURN jsonb_build_object('status', 'refused', 'text', SQLERRM);
END $$;

-- What a row said when it was imported before; null if it was not.
CREATE OR REPLACE FUNCTION imported_as(p_account uuid, r jsonb) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT digest FROM imports WHERE account = p_account AND kind = r->>'kind' AND reference = r->>'reference'
$$;

-- What is left of what was bought, and of what was given away.
CREATE OR REPLACE FUNCTION import_balance(p_account uuid, r jsonb, p_actor text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF (r->>'addon')::bigint > 0 THEN
    PERFORM given(give(p_account, NULL, 0, 'addon', (r->>'addon')::bigint, NULL, 0, '{"type": "support"}', p_actor, 'Imported'));
  END IF;
  IF (r->>'promo')::bigint > 0 THEN
    PERFORM given(give(p_account, NULL, 0, 'promo', (r->>'promo')::bigint, (r->>'promo_expires_at')::timestamptz, 0,
                       '{"type": "support"}', p_actor, 'Imported'));
  END IF;
  RETURN true;
END $$;

-- A grant that was refused undoes the whole row.
CREATE OR REPLACE FUNCTION given(p_answer jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF p_answer->>'status' <> 'done' THEN
    RAISE EXCEPTION USING ERRCODE = 'CP002', MESSAGE = CASE p_answer->>'status'
      WHEN 'already_expired' THEN 'promo_expires_at has passed: leave these credits out.'
      ELSE 'The account would hold more than 1,000,000,000,000,000 credits. Give fewer.' END;
  END IF;
END $$;

-- A top-up that was bought elsewhere, with its payment: whatever is told of that later finds it (P2, P3). False: it was known.
CREATE OR REPLACE FUNCTION import_topup(p_account uuid, r jsonb, p_actor text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE p payments;
BEGIN
  SELECT * INTO p FROM payments WHERE provider = r->>'provider' AND (reference = r->>'payment' OR payment = r->>'payment') ORDER BY reference LIMIT 1;
  IF p.account <> p_account THEN RAISE EXCEPTION USING ERRCODE = 'CP002', MESSAGE = 'This payment is known, for another account. Check the row.'; END IF;
  IF p.purpose <> 'topup' THEN RAISE EXCEPTION USING ERRCODE = 'CP002', MESSAGE = 'This payment is known, as one for a subscription. Leave the row out.'; END IF;
  IF p.account IS NOT NULL THEN RETURN false; END IF;
  PERFORM given(give(p_account, NULL, 0, 'addon', (r->>'credits')::bigint, NULL, 0,
    jsonb_strip_nulls(jsonb_build_object('type', 'topup', 'provider', r->'provider', 'reference', r->'payment', 'paid_at', r->'paid_at')),
    p_actor, 'Imported', r->>'provider', r->>'payment'));
  UPDATE payments SET payment = r->>'payment', amount = (r->>'amount')::bigint, currency = r->>'currency'
   WHERE provider = r->>'provider' AND reference = r->>'payment' RETURNING * INTO p;
  IF r->>'remaining' IS NOT NULL THEN PERFORM use_up(enter(p_account), ARRAY[p.act], (r->>'remaining')::bigint, p_actor); END IF;
  RETURN true;
END $$;

-- A subscription that was sold elsewhere goes on here, as one whose running period's line was paid (docs/billing.md, Paid). Its months are
-- numbered from the latest one whose day no short month clips, so that years of the past are not lived again.
CREATE OR REPLACE FUNCTION import_subscription(p_account uuid, r jsonb, p_actor text, p_upgrade text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  w wallets := enter(p_account);
  line text := 'import:' || (r->>'reference') || ':' || p_account;
  anchor timestamptz := (r->>'anchor')::timestamptz;
  start timestamptz;
  sold bigint;
BEGIN
  IF (r->>'paid_through')::timestamptz <= w.at THEN
    RAISE EXCEPTION USING ERRCODE = 'CP002', MESSAGE = 'paid_through has passed: write until when it is paid now, or leave the row out.';
  END IF;
  IF EXISTS (SELECT FROM subscriptions WHERE account = p_account AND status <> 'ended' AND provider <> 'manual') THEN
    RAISE EXCEPTION USING ERRCODE = 'CP002', MESSAGE = 'The account has a subscription at a payment provider already: leave the row out.';
  END IF;
  SELECT coalesce(max(s), anchor) INTO start FROM generate_series(0, greatest(months_until(anchor, w.at), 0)) AS n, month_start(anchor, n) AS s
   WHERE s <= w.at AND extract(day FROM s) = extract(day FROM anchor);
  PERFORM heed_paid(p_account, 'manual', jsonb_build_object('subscription', line, 'line', line, 'start', start, 'end', r->'paid_through',
    'terms', r->'terms'), p_actor, p_upgrade);
  IF r->>'remaining' IS NOT NULL THEN
    sold := (sold_by(p_account, 'manual', line)).subscription;
    PERFORM use_up(enter(p_account), ARRAY(SELECT "grant" FROM grants WHERE account = p_account AND subscription = sold AND closed IS NULL),
                   (r->>'remaining')::bigint, p_actor);
  END IF;
  RETURN true;
END $$;

-- What was used elsewhere of some grants: charged to these, whatever else the account could spend first.
CREATE OR REPLACE FUNCTION use_up(w wallets, p_grants bigint[], p_remaining bigint, p_actor text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  own record;
  used bigint;
BEGIN
  SELECT coalesce(array_agg("grant" ORDER BY n), '{}') AS live, coalesce(array_agg(remaining ORDER BY n), '{}') AS remaining,
         coalesce(sum(remaining), 0)::bigint AS available INTO own
    FROM unnest(w.live, w.remaining) WITH ORDINALITY AS l("grant", remaining, n) WHERE "grant" = ANY (p_grants);
  used := own.available - p_remaining;
  IF used < 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'CP002',
      MESSAGE = 'remaining is more than there is of it (' || own.available || '): import the rest as a balance, with addon or promo.';
  END IF;
  IF used = 0 THEN RETURN; END IF;
  SELECT array_agg(g ORDER BY n) AS grants, array_agg(least(has, used - before) ORDER BY n) AS amounts INTO own
    FROM (SELECT g, has, n, (sum(has) OVER (ORDER BY n) - has)::bigint AS before FROM unnest(own.live, own.remaining) WITH ORDINALITY AS u(g, has, n)) t
   WHERE before < used;
  w := post(w, 'charge', repeat('c', cardinality(own.grants)), own.grants, own.amounts, p_amount => used, p_actor => p_actor, p_operation => 'imported');
  PERFORM save(w);
END $$;

-- What a payment provider says of a customer, or of a subscription. False: all of it was known.
CREATE OR REPLACE FUNCTION import_facts(p_account uuid, r jsonb, p_upgrade text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  linked uuid := (SELECT account FROM customers WHERE provider = r->>'provider' AND customer = r->>'customer');
  a jsonb;
BEGIN
  IF linked <> p_account THEN
    RAISE EXCEPTION USING ERRCODE = 'CP002', MESSAGE = 'The customer ' || (r->>'customer') || ' belongs to the account "'
      || coalesce((SELECT id FROM accounts WHERE account = linked), linked::text) || '" already. Correct the mapping or the metadata.';
  END IF;
  a := apply_event(r->>'provider', NULL, jsonb_build_object('facts', r->'facts'), 'provider:' || (r->>'provider'), p_upgrade, 'forgive');
  IF a->>'status' = 'failed' THEN RAISE EXCEPTION USING ERRCODE = 'CP002', MESSAGE = a->>'outcome'; END IF;
  RETURN (r ? 'customer' AND linked IS NULL) OR a->'acts' <> '[]';
END $$;
