-- Money went back, or is in dispute (P3, B4): kept as it stands, and the credits behind it are brought to that.
CREATE OR REPLACE FUNCTION heed_returned(p_account uuid, p_provider text, f jsonb, p_actor text, p_clawback text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  w wallets := enter(p_account);
  before bigint := w.act;
  total bigint := coalesce((f->>'total')::bigint, (SELECT sum(amount) FROM paid_by(p_provider, f->>'payment')));
  gone bigint;
  held_back bigint;
  p payments;
BEGIN
  PERFORM note_returned(p_provider, f);
  SELECT least(total, coalesce(max(refunded), 0) + d.lost), d.disputed INTO gone, held_back
    FROM paid_by(p_provider, f->>'payment') b,
         (SELECT coalesce(sum(lost), 0)::bigint AS lost, coalesce(sum(disputed), 0)::bigint AS disputed FROM disputes
           WHERE provider = p_provider AND payment = f->>'payment') d
   GROUP BY d.lost, d.disputed;
  held_back := least(total - gone, held_back);
  FOR p IN SELECT * FROM paid_by(p_provider, f->>'payment') WHERE account = p_account ORDER BY reference LOOP
    w := CASE WHEN p.purpose = 'topup' THEN ask_back(w, p.act, gone, held_back, total, p_clawback, p_actor)
              ELSE end_refunded(w, p, gone >= total, p_actor) END;
  END LOOP;
  IF w.act = before THEN RETURN told('nothing', 'It moves no credits: monthly credits go only with the whole of the running period''s money, and what was told before is not done twice.'); END IF;
  PERFORM save(next_due(w));
  RETURN told('done', 'Of ' || total || ' paid, ' || gone || ' went back and ' || held_back || ' are in dispute.');
END $$;

-- What a payment paid for, by its own word or through its invoice.
CREATE OR REPLACE FUNCTION paid_by(p_provider text, p_payment text) RETURNS SETOF payments LANGUAGE sql STABLE AS $$
  SELECT * FROM payments WHERE provider = p_provider AND payment = p_payment
  UNION
  SELECT p.* FROM paid_with l JOIN payments p ON p.provider = l.provider AND p.invoice = l.invoice WHERE l.provider = p_provider AND l.payment = p_payment
$$;

-- Keeps what is told of refunds and of a dispute, if it is not older than what is known.
CREATE OR REPLACE FUNCTION note_returned(p_provider text, f jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE told_at timestamptz := coalesce((f->>'as_of')::timestamptz, clock_timestamp());
BEGIN
  UPDATE payments p SET refunded = (f->>'refunded')::bigint, refunded_as_of = told_at
    FROM paid_by(p_provider, f->>'payment') b
   WHERE p.provider = b.provider AND p.reference = b.reference AND f->>'refunded' IS NOT NULL AND coalesce(p.refunded_as_of, '-infinity') <= told_at;
  INSERT INTO disputes AS d (provider, dispute, payment, disputed, lost, as_of)
  SELECT p_provider, f->>'dispute', f->>'payment', coalesce((f->>'disputed')::bigint, 0), coalesce((f->>'lost')::bigint, 0), told_at
   WHERE f->>'dispute' IS NOT NULL
  ON CONFLICT (provider, dispute) DO UPDATE SET disputed = excluded.disputed, lost = excluded.lost, as_of = excluded.as_of WHERE d.as_of <= excluded.as_of;
END $$;

-- The whole price of the running period went back: its credits end with it (B4). Where a change began a line anew, the newer one is what pays for it.
CREATE OR REPLACE FUNCTION end_refunded(w wallets, p payments, p_whole boolean, p_actor text) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE s subscriptions;
BEGIN
  SELECT * INTO s FROM subscriptions WHERE account = p.account AND 'pay ' || subscription = p.purpose;
  IF NOT p_whole OR s.status = 'ended' OR s.status IS NULL OR w.at < p.starts_at OR w.at >= p.ends_at OR EXISTS (
    SELECT FROM payments n WHERE n.account = p.account AND n.purpose = p.purpose AND n.starts_at > p.starts_at AND w.at >= n.starts_at AND w.at < n.ends_at)
  THEN RETURN w; END IF;
  RETURN finish_subscription(w, s, p_actor, 'Its payment went back.');
END $$;

-- Sets what a top-up's grant has to give back: the share of its credits that the money is of its price, rounded half up.
CREATE OR REPLACE FUNCTION ask_back(
  w wallets, p_grant bigint, p_gone bigint, p_disputed bigint, p_total bigint, p_clawback text, p_actor text
) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE
  g grants;
  asked bigint;
BEGIN
  SELECT * INTO g FROM grants WHERE account = w.account AND "grant" = p_grant;
  asked := least(share(g.amount, p_gone, p_total), g.amount - revoked_by_hand(g));
  UPDATE grants SET asked_back = asked, disputed = share(g.amount, p_disputed, p_total), clawback = p_clawback,
         frozen = CASE WHEN share(g.amount, p_disputed, p_total) > 0 THEN coalesce(g.frozen, 0) ELSE g.frozen END,
         taken_back = coalesce(taken_back, 0), repaid = coalesce(repaid, 0)
   WHERE account = w.account AND "grant" = p_grant;
  RETURN collect_grant(w, p_grant, p_actor, asked - coalesce(g.asked_back, 0));
END $$;

-- The share of some credits, rounded half up.
CREATE OR REPLACE FUNCTION share(p_credits bigint, p_part bigint, p_total bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_total > 0 THEN div(2 * p_credits::numeric * p_part + p_total, 2 * p_total)::bigint ELSE 0 END
$$;

-- What support took back of a grant: it was not spent.
CREATE OR REPLACE FUNCTION revoked_by_hand(g grants) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce(sum(amount), 0)::bigint FROM acts WHERE account = g.account AND of = g."grant" AND kind = 'revoke'
$$;

-- Credits came back: what is still owed of their grants is taken first.
CREATE OR REPLACE FUNCTION collect(w wallets) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE owing bigint;
BEGIN
  FOR owing IN SELECT "grant" FROM grants WHERE account = w.account AND asked_back IS NOT NULL ORDER BY "grant" LOOP
    w := collect_grant(w, owing, 'time', 0);
  END LOOP;
  RETURN w;
END $$;

-- Brings a grant to its targets: takes what is asked back as far as it is there, gives back what was taken too much, freezes what is in dispute.
-- No act where nothing moves and no more is asked than before (`p_more`).
CREATE OR REPLACE FUNCTION collect_grant(w wallets, p_grant bigint, p_actor text, p_more bigint) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE
  g grants;
  there bigint := coalesce(w.remaining[array_position(w.live, p_grant)], 0);
  iced bigint;
  owed bigint;
  d record;
BEGIN
  SELECT * INTO g FROM grants WHERE account = w.account AND "grant" = p_grant;
  owed := g.asked_back - g.taken_back - g.repaid;
  iced := coalesce(g.frozen, 0);
  SELECT u, v, y, least(g.disputed, there - v + y + iced - u) - (iced - u) AS ice INTO d
    FROM (SELECT least(greatest(owed, 0), iced) AS u) a, LATERAL (SELECT least(greatest(owed, 0) - a.u, there) AS v) b,
         LATERAL (SELECT least(greatest(-owed, 0), g.taken_back) AS y) c;
  IF d.u + d.v + d.y + abs(d.ice) = 0 AND p_more = 0 THEN RETURN w; END IF;
  UPDATE grants SET taken_back = g.taken_back + d.u + d.v - d.y, closed = CASE WHEN d.y = 0 THEN g.closed END WHERE account = w.account AND "grant" = p_grant;
  SELECT string_agg(letter, '' ORDER BY n) AS moves, array_agg(p_grant) AS grants, array_agg(amount ORDER BY n) AS amounts INTO d
    FROM (VALUES (1, 'u', d.u), (2, 'v', d.v), (3, 'y', d.y), (4, 'f', d.ice), (5, 't', -d.ice)) AS m(n, letter, amount) WHERE amount > 0;
  w := post(w, 'reclaim', coalesce(d.moves, ''), d.grants, d.amounts, p_of => p_grant, p_amount => g.asked_back, p_actor => p_actor,
            p_details => jsonb_build_object('clawback', g.clawback));
  UPDATE grants SET frozen = CASE WHEN disputed > 0 THEN coalesce(frozen, 0) WHEN frozen > 0 THEN frozen END WHERE account = w.account AND "grant" = p_grant;
  RETURN w;
END $$;

-- A new add-on grant, the account's latest act, first pays what is owed of earlier ones, where that is kept as a debt.
CREATE OR REPLACE FUNCTION repay(w wallets) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE
  given bigint := w.act;
  g grants;
  paid bigint;
BEGIN
  FOR g IN SELECT * FROM grants WHERE account = w.account AND asked_back > taken_back + repaid AND clawback = 'debt' ORDER BY "grant" LOOP
    paid := least(g.asked_back - g.taken_back - g.repaid, coalesce(w.remaining[array_position(w.live, given)], 0));
    EXIT WHEN paid = 0;
    UPDATE grants SET repaid = g.repaid + paid WHERE account = w.account AND "grant" = g."grant";
    w := post(w, 'repay', 'v', ARRAY[given], ARRAY[paid], p_of => g."grant", p_amount => paid, p_actor => 'time');
  END LOOP;
  RETURN w;
END $$;
