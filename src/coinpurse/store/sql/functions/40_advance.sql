-- Brings an account up to an instant (T4, T5): works off all that fell due, in order, each act dated when it was due. At one instant
-- holds come first, then subscriptions by number, then grants that expire by themselves.
CREATE OR REPLACE FUNCTION advance(w wallets, p_until timestamptz) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE d record;
BEGIN
  LOOP
    SELECT * INTO d FROM due(w.account);
    EXIT WHEN NOT FOUND OR d.at > p_until;
    w.at := greatest(w.at, d.at);
    w := CASE d.what WHEN 'hold' THEN collect(let_go(w, d.id, 'timeout', 'time'))
                     WHEN 'subscription' THEN step(w, d.id, d.at)
                     ELSE expire_grant(w, d.id) END;
  END LOOP;
  w.due_at := coalesce(d.at, 'infinity');
  RETURN w;
END $$;

-- The next thing that time will do to an account.
CREATE OR REPLACE FUNCTION due(p_account uuid) RETURNS TABLE (at timestamptz, what text, id bigint) LANGUAGE sql STABLE AS $$
  SELECT * FROM (
    (SELECT expires_at AS at, 'hold' AS what, hold AS id FROM holds WHERE account = p_account AND expires_at > '-infinity' ORDER BY expires_at, hold LIMIT 1)
    UNION ALL
    SELECT next_step(s), 'subscription', subscription FROM subscriptions s WHERE account = p_account AND status <> 'ended'
    UNION ALL
    (SELECT expires_at, 'the grant', "grant" FROM grants WHERE account = p_account AND subscription IS NULL AND closed IS NULL AND expires_at < 'infinity'
      ORDER BY expires_at, "grant" LIMIT 1)
  ) t WHERE at < 'infinity' ORDER BY at, what, id LIMIT 1
$$;

-- Reckons the account's next due instant afresh, after an act that may have moved it.
CREATE OR REPLACE FUNCTION next_due(w wallets) RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
  w.due_at := coalesce((SELECT at FROM due(w.account)), 'infinity');
  RETURN w;
END $$;

-- Lapses a grant that ends by itself.
CREATE OR REPLACE FUNCTION expire_grant(w wallets, p_grant bigint) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE gone record := lapse(w, p_grant => p_grant);
BEGIN
  IF gone.moves = '' THEN RETURN w; END IF;
  RETURN post(w, 'expire', gone.moves, gone.grants, gone.amounts, p_actor => 'time');
END $$;

-- Closes open grants, one or those of a subscription, and says which entries that takes.
CREATE OR REPLACE FUNCTION lapse(w wallets, p_subscription bigint DEFAULT NULL, p_grant bigint DEFAULT NULL, OUT moves text, OUT grants bigint[], OUT amounts bigint[])
LANGUAGE sql AS $$
  WITH gone AS (
    UPDATE grants SET closed = 'expired'
     WHERE account = w.account AND closed IS NULL AND (subscription = p_subscription OR "grant" = p_grant)
    RETURNING "grant", kind, priority, expires_at, frozen
  ), lost AS (
    SELECT letter, g."grant", amount,
           row_number() OVER (ORDER BY g.priority, g.expires_at NULLS LAST, g."grant", letter) AS turn
      FROM gone g CROSS JOIN LATERAL (VALUES ('x', w.remaining[array_position(w.live, g."grant")]), ('z', g.frozen)) AS v(letter, amount)
     WHERE amount > 0
  )
  SELECT coalesce(string_agg(letter, '' ORDER BY turn), ''), coalesce(array_agg("grant" ORDER BY turn), '{}'), coalesce(array_agg(amount ORDER BY turn), '{}')
    FROM lost
$$;
