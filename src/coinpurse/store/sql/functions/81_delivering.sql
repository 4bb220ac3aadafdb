-- Claims queues that are due, for `p_seconds`, and gives the first delivery of each. `p_room` says of endpoints how many more may be under
-- way at each; those that it doesn't name have room for `p_most`. A queue that is claimed by another is passed by.
CREATE OR REPLACE FUNCTION claim_deliveries(p_room jsonb, p_most int, p_seconds int) RETURNS TABLE (
  account uuid, act bigint, n bigint, endpoint text, claim uuid, id text, type text, at timestamptz, data jsonb, attempts int,
  url text, secret text, former_secret text
) LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
  lease uuid := gen_random_uuid();
  accounts_ uuid[];
  endpoints_ text[];
BEGIN
  WITH hint AS MATERIALIZED (
    SELECT q.account, q.endpoint
      FROM webhook_endpoints e
     CROSS JOIN LATERAL (SELECT d.account, d.endpoint FROM webhook_queues d WHERE d.endpoint = e.endpoint AND d.next_at <= clock_timestamp()
                          ORDER BY d.next_at LIMIT coalesce((p_room->>e.endpoint)::int, p_most)) q
     WHERE e.disabled_at IS NULL
  ), free AS MATERIALIZED (
    SELECT q.account, q.endpoint FROM hint h JOIN webhook_queues q ON q.account = h.account AND q.endpoint = h.endpoint
     WHERE q.account = h.account AND q.next_at <= clock_timestamp() FOR UPDATE OF q SKIP LOCKED
  ), claimed AS (
    UPDATE webhook_queues q SET next_at = clock_timestamp() + make_interval(secs => p_seconds), claim = lease
      FROM free f WHERE q.account = f.account AND q.endpoint = f.endpoint
    RETURNING q.account, q.endpoint
  )
  SELECT array_agg(c.account), array_agg(c.endpoint) INTO accounts_, endpoints_ FROM claimed c;
  RETURN QUERY -- a statement of its own: what a rival has delivered meanwhile must not be seen as waiting
    SELECT d.account, d.act, d.n, d.endpoint, lease, a.id, o.type, o.at, o.data, d.attempts, e.url, e.secret,
           CASE WHEN e.former_until > clock_timestamp() THEN e.former_secret END
      FROM unnest(accounts_, endpoints_) AS c(account, endpoint)
     CROSS JOIN LATERAL (SELECT w.* FROM webhook_deliveries w WHERE w.account = c.account AND w.endpoint = c.endpoint AND w.state = 'waiting'
                          ORDER BY w.act, w.n LIMIT 1) d
      JOIN outbox o ON o.account = d.account AND o.act = d.act AND o.n = d.n
      JOIN accounts a ON a.account = d.account
      JOIN webhook_endpoints e ON e.endpoint = d.endpoint;
END $$;

-- Notes what became of an attempt: `p_error` null means delivered. A failure is tried again after a pause that doubles from 5 seconds to 6
-- hours, until the event is 3 days old; then it is dead, and the queue goes on. False where the claim was lost: then nothing is noted.
CREATE OR REPLACE FUNCTION settle_delivery(p_account uuid, p_act bigint, p_n bigint, p_endpoint text, p_claim uuid, p_error text) RETURNS boolean
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  d webhook_deliveries;
  old boolean;
BEGIN
  UPDATE webhook_queues SET claim = NULL WHERE account = p_account AND endpoint = p_endpoint AND claim = p_claim;
  IF NOT FOUND THEN RETURN false; END IF;
  old := (SELECT written_at + interval '3 days' <= clock_timestamp() FROM outbox WHERE account = p_account AND act = p_act AND n = p_n);
  UPDATE webhook_deliveries SET attempts = attempts + 1, last_error = p_error, changed_at = clock_timestamp(),
         state = CASE WHEN p_error IS NULL THEN 'delivered' WHEN old THEN 'dead' ELSE 'waiting' END
   WHERE account = p_account AND act = p_act AND n = p_n AND endpoint = p_endpoint RETURNING * INTO d;
  UPDATE webhook_queues
     SET next_at = CASE WHEN d.state = 'waiting' THEN clock_timestamp() + retry_pause(d.attempts)
                        WHEN EXISTS (SELECT FROM webhook_deliveries WHERE account = p_account AND endpoint = p_endpoint AND state = 'waiting') THEN clock_timestamp()
                        ELSE 'infinity' END
   WHERE account = p_account AND endpoint = p_endpoint;
  RETURN true;
END $$;

-- 5 s, 10 s, 20 s … 6 h.
CREATE OR REPLACE FUNCTION retry_pause(p_attempts int) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
  SELECT least(make_interval(secs => 5 * (1 << least(greatest(p_attempts - 1, 0), 13))), interval '6 hours')
$$;

-- Puts a dead delivery back in front of its queue, to be tried at once. False where it isn't dead.
CREATE OR REPLACE FUNCTION retry_delivery(p_account uuid, p_act bigint, p_n bigint, p_endpoint text) RETURNS boolean
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
BEGIN
  UPDATE webhook_deliveries SET state = 'waiting', changed_at = clock_timestamp()
   WHERE account = p_account AND act = p_act AND n = p_n AND endpoint = p_endpoint AND state = 'dead';
  IF NOT FOUND THEN RETURN false; END IF;
  -- One that is under way keeps its claim; when it ends, the queue goes on with what stands first.
  UPDATE webhook_queues SET next_at = CASE WHEN claim IS NULL THEN clock_timestamp() ELSE next_at END WHERE account = p_account AND endpoint = p_endpoint;
  RETURN true;
END $$;

-- Makes an endpoint, and answers which one there is for this address and mode.
CREATE OR REPLACE FUNCTION put_endpoint(p_endpoint text, p_url text, p_secret text, p_types text[], p_test boolean) RETURNS text
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp AS $$
BEGIN
  INSERT INTO webhook_endpoints (endpoint, url, secret, types, test, created_at) VALUES (p_endpoint, p_url, p_secret, p_types, p_test, clock_timestamp())
  ON CONFLICT (url, test) WHERE removed_at IS NULL DO NOTHING;
  RETURN (SELECT endpoint FROM webhook_endpoints WHERE url = p_url AND test = p_test AND removed_at IS NULL);
END $$;

-- Nothing more is written for an endpoint, and nothing sent to it, from the next transaction on.
CREATE OR REPLACE FUNCTION disable_endpoint(p_endpoint text, p_why text, p_removed boolean DEFAULT false) RETURNS void
LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  UPDATE webhook_endpoints SET disabled_at = coalesce(disabled_at, clock_timestamp()), disabled_why = coalesce(disabled_why, p_why),
         removed_at = CASE WHEN p_removed THEN coalesce(removed_at, clock_timestamp()) ELSE removed_at END
   WHERE endpoint = p_endpoint
$$;

CREATE OR REPLACE FUNCTION enable_endpoint(p_endpoint text) RETURNS void LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  UPDATE webhook_endpoints SET disabled_at = NULL, disabled_why = NULL WHERE endpoint = p_endpoint AND removed_at IS NULL
$$;

-- Gives an endpoint another secret; the one before signs too for a day, so that receivers can change over in peace.
CREATE OR REPLACE FUNCTION rotate_endpoint(p_endpoint text, p_secret text) RETURNS void LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  UPDATE webhook_endpoints SET former_secret = secret, former_until = clock_timestamp() + interval '24 hours', secret = p_secret
   WHERE endpoint = p_endpoint AND removed_at IS NULL
$$;

-- Forgets up to `p_limit` deliveries: delivered ones after 30 days, waiting ones too where their endpoint is off, dead ones after 90;
-- and events that are on no way any more. Answers how many deliveries.
CREATE OR REPLACE FUNCTION forget_deliveries(p_limit int) RETURNS int LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  gone int;
  accounts_ uuid[];
  acts_ bigint[];
  ns bigint[];
BEGIN
  WITH old AS MATERIALIZED (
    SELECT d.account, d.act, d.n, d.endpoint
      FROM (VALUES ('delivered', interval '30 days'), ('waiting', interval '30 days'), ('dead', interval '90 days')) AS k(state, kept)
     CROSS JOIN LATERAL (
        SELECT w.account, w.act, w.n, w.endpoint FROM webhook_deliveries w
         WHERE w.state = k.state AND w.changed_at < clock_timestamp() - k.kept
           AND (w.state <> 'waiting' OR EXISTS (SELECT FROM webhook_endpoints e WHERE e.endpoint = w.endpoint AND e.disabled_at IS NOT NULL))
         ORDER BY w.changed_at LIMIT p_limit) d
     LIMIT p_limit
  ), forgotten AS (
    DELETE FROM webhook_deliveries d USING old o WHERE d.account = o.account AND d.act = o.act AND d.n = o.n AND d.endpoint = o.endpoint
    RETURNING d.account, d.act, d.n
  )
  SELECT count(*), array_agg(f.account), array_agg(f.act), array_agg(f.n) INTO gone, accounts_, acts_, ns FROM forgotten f;
  DELETE FROM outbox o USING unnest(accounts_, acts_, ns) AS f(account, act, n)
   WHERE o.account = f.account AND o.act = f.act AND o.n = f.n
     AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.account = f.account AND d.act = f.act AND d.n = f.n);
  RETURN gone;
END $$;
