-- The inbox of billing events (E1). A claim is a row's lease, not a lock: nothing is locked while a provider is asked, and what a dead worker
-- had claimed is claimed again when the lease is over. While claimed, `next_at` = `claimed_until`; an earlier `next_at` says that the event
-- was woken meanwhile, and is to be tried again at once if it fails now.

-- Keeps a verified delivery, once; says whether it is new.
CREATE OR REPLACE FUNCTION put_event(p_provider text, p_event text, p_type text, p_test boolean, p_created_at timestamptz, p_body bytea, p_objects text[])
RETURNS boolean LANGUAGE plpgsql SET search_path = coinpurse, pg_temp AS $$
BEGIN
  INSERT INTO events (provider, event, type, test, created_at, body, objects)
  VALUES (p_provider, p_event, p_type, p_test, p_created_at, p_body, p_objects) ON CONFLICT (provider, event) DO NOTHING;
  RETURN FOUND;
END $$;

-- Claims what is due of these providers, the longest due first, for as long as the lease. What a rival is just writing to is left to the next
-- look: one event's trouble never holds up the others.
CREATE OR REPLACE FUNCTION claim_events(p_providers text[], p_limit int, p_lease interval) RETURNS SETOF events
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp AS $$
DECLARE
  present timestamptz := clock_timestamp();
BEGIN
  RETURN QUERY
    WITH due AS MATERIALIZED (
      SELECT e.provider, e.event FROM events e
       WHERE e.status IN ('waiting', 'failed') AND e.next_at < 'infinity' AND e.next_at <= present
         AND (e.claimed_until IS NULL OR e.claimed_until <= present) AND e.provider = ANY (p_providers)
       ORDER BY e.next_at LIMIT p_limit FOR UPDATE SKIP LOCKED)
    UPDATE events e SET attempts = e.attempts + 1, claimed_until = present + p_lease, next_at = present + p_lease
      FROM due WHERE e.provider = due.provider AND e.event = due.event RETURNING e.*;
END $$;

-- When an event that failed now is tried again: after pauses of 5 seconds, doubling to 6 hours, for 3 days; then only by hand.
CREATE OR REPLACE FUNCTION next_try(p_received_at timestamptz, p_attempts int, p_now timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
  following timestamptz := p_now + least(interval '6 hours', interval '5 seconds' * (1 << least(greatest(p_attempts, 1) - 1, 13)));
BEGIN
  RETURN CASE WHEN following > p_received_at + interval '72 hours' THEN 'infinity' ELSE following END;
END $$;

-- Notes that an event was ignored or failed, and why, if this attempt is still the latest: a worker that was too slow changes nothing. (What is
-- applied is marked by `apply_event`, with its facts.) An account that was found once stays.
CREATE OR REPLACE FUNCTION settle_event(p_provider text, p_event text, p_attempt int, p_status text, p_outcome text, p_account uuid)
RETURNS boolean LANGUAGE plpgsql SET search_path = coinpurse, pg_temp AS $$
DECLARE
  present timestamptz := clock_timestamp();
BEGIN
  UPDATE events SET status = p_status, outcome = p_outcome, changed_at = present, claimed_until = NULL, account = coalesce(p_account, account),
         next_at = CASE WHEN p_status <> 'failed' THEN 'infinity' WHEN next_at < claimed_until THEN present ELSE next_try(received_at, attempts, present) END
   WHERE provider = p_provider AND event = p_event AND attempts = p_attempt AND claimed_until IS NOT NULL;
  RETURN FOUND;
END $$;

-- Has failed events tried again at once, now that something is known which they may have waited for, and says how many. One that is being worked
-- on is tried once more if it fails.
CREATE OR REPLACE FUNCTION waken(p_provider text, p_objects text[]) RETURNS int LANGUAGE plpgsql SET search_path = coinpurse, pg_temp AS $$
DECLARE
  woken int;
BEGIN
  WITH found_ AS MATERIALIZED (
    SELECT provider, event FROM events
     WHERE provider = p_provider AND objects && p_objects AND next_at > clock_timestamp()
       AND (status = 'failed' OR (status = 'waiting' AND claimed_until IS NOT NULL))
     ORDER BY event FOR UPDATE)
  UPDATE events e SET next_at = clock_timestamp() FROM found_ WHERE e.provider = found_.provider AND e.event = found_.event;
  GET DIAGNOSTICS woken = ROW_COUNT;
  RETURN woken;
END $$;

-- Has one event worked on once more, whatever became of it: facts say how things stand, so a replay does no harm. Says whether there is one; of one whose words were
-- erased there is nothing to work on.
CREATE OR REPLACE FUNCTION retry_event(p_provider text, p_event text) RETURNS boolean LANGUAGE plpgsql SET search_path = coinpurse, pg_temp AS $$
BEGIN
  UPDATE events SET next_at = clock_timestamp(), changed_at = clock_timestamp(),
         claimed_until = CASE WHEN status IN ('waiting', 'failed') THEN claimed_until END,
         status = CASE WHEN status = 'failed' THEN 'failed' ELSE 'waiting' END
   WHERE provider = p_provider AND event = p_event AND body <> '';
  RETURN FOUND;
END $$;

-- What providers call that which is an account's.
CREATE OR REPLACE FUNCTION names_of(p_account uuid) RETURNS TABLE (provider text, name text)
LANGUAGE sql STABLE SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
  SELECT c.provider, c.customer FROM customers c WHERE c.account = p_account
  UNION SELECT s.provider, s.reference FROM standings s WHERE s.account = p_account
  UNION SELECT p.provider, n FROM payments p, unnest(ARRAY[p.reference, p.invoice, p.payment]) n WHERE p.account = p_account AND n IS NOT NULL
$$;
