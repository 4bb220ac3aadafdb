-- Sets an account's automatic top-up, or changes it; one that had stopped starts again. A purchase under way goes on as it was begun.
CREATE OR REPLACE FUNCTION put_auto_topup(p_account uuid, p_pack text, p_below bigint, p_most int, p_provider text, p_customer text) RETURNS void
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE w wallets := enter(p_account);
BEGIN
  INSERT INTO auto_topups AS t (account, pack, below, most_per_month, provider, customer) VALUES (p_account, p_pack, p_below, p_most, p_provider, p_customer)
  ON CONFLICT (account) DO UPDATE SET pack = p_pack, below = p_below, most_per_month = p_most, removed = false, capped = NULL, changed_at = clock_timestamp(),
    provider = CASE WHEN t.state = 'buying' THEN t.provider ELSE p_provider END, customer = CASE WHEN t.state = 'buying' THEN t.customer ELSE p_customer END,
    state = CASE WHEN t.state = 'buying' THEN 'buying' ELSE 'idle' END, reason = CASE WHEN t.state = 'buying' THEN t.reason END,
    due_at = CASE WHEN t.state = 'buying' THEN t.due_at ELSE 'infinity' END;
  UPDATE wallets SET top_up_below = p_below WHERE account = p_account;
  IF w.monthly + w.other + w.addon < p_below THEN PERFORM want_topup(p_account); END IF;
END $$;

-- Ends it. A purchase under way is seen through, and the row goes after it: a new one must not be begun beside it.
CREATE OR REPLACE FUNCTION remove_auto_topup(p_account uuid) RETURNS void
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
BEGIN
  UPDATE wallets SET top_up_below = NULL WHERE account = p_account;
  UPDATE auto_topups SET removed = true, changed_at = clock_timestamp() WHERE account = p_account AND NOT removed;
  DELETE FROM auto_topups WHERE account = p_account AND state <> 'buying';
END $$;

CREATE OR REPLACE FUNCTION read_auto_topup(p_account uuid) RETURNS jsonb LANGUAGE sql STABLE SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
  SELECT jsonb_build_object('pack', t.pack, 'below', t.below, 'most_per_month', t.most_per_month, 'provider', t.provider, 'state', t.state, 'reason', t.reason,
           'bought_this_month', CASE WHEN t.month = date_trunc('month', coalesce(w.clock, clock_timestamp())) THEN t.bought ELSE 0 END)
    FROM auto_topups t JOIN wallets w ON w.account = t.account WHERE t.account = p_account AND NOT t.removed
$$;

-- An account is below its threshold: the worker is to look. Called by whatever takes credits, with the account's row locked.
CREATE OR REPLACE FUNCTION want_topup(p_account uuid) RETURNS void LANGUAGE sql AS $$
  UPDATE auto_topups SET due_at = clock_timestamp() WHERE account = p_account AND state = 'idle' AND due_at = 'infinity'
$$;

-- Looks at an account that is due, and says what is to be bought: a purchase begins (`p_offers` has what each pack costs at each provider), or one whose outcome
-- isn't known is asked for once more. Null: nothing. At most one is under way, because the account's row is locked while that is decided;
-- it is one per dip, because the next can only begin when the credits of this one are there.
CREATE OR REPLACE FUNCTION begin_topup(p_account uuid, p_offers jsonb, p_seconds int) RETURNS jsonb
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  w wallets := enter(p_account);
  this_month timestamptz := date_trunc('month', w.at);
  t auto_topups;
BEGIN
  SELECT * INTO t FROM auto_topups WHERE account = p_account AND due_at <= clock_timestamp() FOR UPDATE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF t.state = 'buying' THEN RETURN ask_again(t, p_seconds); END IF;
  IF t.state = 'stopped' OR w.monthly + w.other + w.addon >= t.below THEN
    UPDATE auto_topups SET due_at = 'infinity' WHERE account = p_account;
    RETURN NULL;
  END IF;
  IF t.month IS DISTINCT FROM this_month THEN t.bought := 0; END IF;
  IF t.bought >= t.most_per_month THEN
    PERFORM cap_topup(w, t, this_month);
    RETURN NULL;
  END IF;
  t.offer := p_offers->t.pack->t.provider;
  IF t.offer IS NULL OR (t.offer->>'credits')::bigint < t.below THEN
    PERFORM stop_topup(w, t, 'The pack is not sold any more, or has become smaller than the threshold.');
    RETURN NULL;
  END IF;
  UPDATE auto_topups SET state = 'buying', attempt = gen_random_uuid(), offer = t.offer || jsonb_build_object('pack', t.pack), purchase = NULL, tries = 0,
         month = this_month, bought = t.bought + 1, started_at = clock_timestamp(), changed_at = clock_timestamp(), due_at = clock_timestamp() + make_interval(secs => p_seconds)
   WHERE account = p_account RETURNING * INTO t;
  RETURN job_of(t);
END $$;

CREATE OR REPLACE FUNCTION job_of(t auto_topups) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_object('attempt', t.attempt, 'provider', t.provider, 'customer', t.customer, 'offer', t.offer)
$$;

-- A purchase whose outcome wasn't known. Where the provider has named it, what its events say decides: it isn't asked for again. Providers remember a key for a day: what is
-- not known by then must not be asked for with it, for that could buy twice.
CREATE OR REPLACE FUNCTION ask_again(t auto_topups, p_seconds int) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE told_ text := (SELECT status FROM checkouts WHERE provider = t.provider AND reference = t.purchase);
BEGIN
  IF EXISTS (SELECT FROM payments WHERE provider = t.provider AND reference = t.purchase) THEN
    PERFORM end_topup(t.account, t.attempt, NULL);
  ELSIF told_ IN ('failed', 'expired') THEN
    PERFORM end_topup(t.account, t.attempt, 'The payment failed.');
  ELSIF t.purchase IS NULL AND t.started_at < clock_timestamp() - interval '20 hours' THEN
    PERFORM end_topup(t.account, t.attempt, 'It is not known whether the last purchase was paid. Look at the provider, then start it again.');
  ELSE
    UPDATE auto_topups SET due_at = clock_timestamp() + make_interval(secs => p_seconds) WHERE account = t.account;
    RETURN CASE WHEN t.purchase IS NULL THEN job_of(t) END;
  END IF;
  RETURN NULL;
END $$;

-- The month's purchases are used up: told once a month, and looked at again when the next begins. (A test clock's next month comes when it is moved.)
CREATE OR REPLACE FUNCTION cap_topup(w wallets, t auto_topups, p_month timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF t.capped IS DISTINCT FROM p_month THEN
    PERFORM tell_topup(w, 'auto_topup.capped', jsonb_build_object('pack', t.pack, 'most_per_month', t.most_per_month));
  END IF;
  UPDATE auto_topups SET capped = p_month, due_at = CASE WHEN w.clock IS NULL THEN p_month + interval '1 month' ELSE 'infinity' END WHERE account = w.account;
END $$;

-- Stops it, and tells the app: the customer has to do something (P4).
CREATE OR REPLACE FUNCTION stop_topup(w wallets, t auto_topups, p_reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE auto_topups SET state = 'stopped', reason = p_reason, due_at = 'infinity', changed_at = clock_timestamp(), bought = greatest(t.bought - (t.state = 'buying')::int, 0)
   WHERE account = w.account;
  PERFORM tell_topup(w, 'auto_topup.stopped', jsonb_build_object('pack', t.pack, 'reason', p_reason));
END $$;

-- Tells of something that is no act: it stands behind the account's latest act, and the clock's microsecond tells it from others.
CREATE OR REPLACE FUNCTION tell_topup(w wallets, p_type text, p_data jsonb) RETURNS void LANGUAGE sql AS $$
  SELECT tell(w.account, w.act, w.at, ARRAY[p_type], ARRAY[p_data || balance_told(w)], (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
   WHERE EXISTS (SELECT FROM webhook_endpoints WHERE disabled_at IS NULL)
$$;

-- A purchase has ended: well (its credits are there already), or not, and then it stops. False where it had ended before.
CREATE OR REPLACE FUNCTION end_topup(p_account uuid, p_attempt uuid, p_error text) RETURNS boolean
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  w wallets := enter(p_account);
  t auto_topups;
BEGIN
  SELECT * INTO t FROM auto_topups WHERE account = p_account AND attempt = p_attempt AND state = 'buying' FOR UPDATE;
  IF NOT FOUND THEN RETURN false; END IF;
  IF p_error IS NOT NULL THEN
    PERFORM stop_topup(w, t, p_error);
  ELSE
    UPDATE auto_topups SET state = 'idle', reason = NULL, changed_at = clock_timestamp(),
           due_at = CASE WHEN w.monthly + w.other + w.addon < t.below THEN clock_timestamp() ELSE 'infinity' END
     WHERE account = p_account;
  END IF;
  DELETE FROM auto_topups WHERE account = p_account AND removed;
  RETURN true;
END $$;

-- A purchase's outcome isn't known: it is looked at again, after 5 s, 10 s … an hour; a minute, where the provider has named it (`p_purchase`),
-- for then only its events are looked for.
CREATE OR REPLACE FUNCTION put_off_topup(p_account uuid, p_attempt uuid, p_purchase text) RETURNS void
LANGUAGE sql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
  UPDATE auto_topups SET tries = tries + 1, purchase = coalesce(p_purchase, purchase), due_at = clock_timestamp() + least(retry_pause(tries + 1), CASE WHEN coalesce(p_purchase, purchase) IS NULL THEN interval '1 hour' ELSE interval '1 minute' END)
   WHERE account = p_account AND attempt = p_attempt AND state = 'buying'
$$;
