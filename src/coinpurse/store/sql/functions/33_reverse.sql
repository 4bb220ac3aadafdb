-- What of a charge (or capture) can still be given back, part by part in the order in which it was taken. Reversals take the last-taken
-- first, so that what is left are the charge's first credits; a grant can have paid twice, before and after another (F1, F2).
CREATE OR REPLACE FUNCTION reversible(p_account uuid, p_charge bigint) RETURNS TABLE ("grant" bigint, amount bigint, turn bigint)
LANGUAGE sql STABLE AS $$
  SELECT part."grant", least(part.amount, part.kept - part.before)::bigint, part.n
    FROM (SELECT e."grant", e.amount, e.n, sum(e.amount) OVER (ORDER BY e.n) - e.amount AS before,
                 a.amount - (SELECT coalesce(sum(r.amount), 0) FROM acts r WHERE r.account = p_account AND r.of = p_charge AND r.kind = 'reverse') AS kept
            FROM acts a, unnest(a.grants, a.amounts, string_to_array(a.moves, NULL)) WITH ORDINALITY AS e("grant", amount, letter, n)
           WHERE a.account = p_account AND a.act = p_charge AND e.letter IN ('c', 'k')) part
   WHERE part.before < part.kept
$$;

-- Gives credits of a charge back, last-taken first, to where each grant can still take them (F1).
CREATE OR REPLACE FUNCTION reverse(
  p_account uuid, p_charge bigint, p_key uuid, p_fingerprint bigint, p_amount bigint, p_compensate boolean, p_actor text, p_reason text
) RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  w wallets := enter(p_account);
  known jsonb := recall(p_account, p_key, p_fingerprint);
  charged bigint;
  possible bigint;
  back record;
BEGIN
  IF known IS NOT NULL THEN RETURN known; END IF;
  SELECT amount INTO charged FROM acts WHERE account = p_account AND act = p_charge AND kind IN ('charge', 'capture');
  IF NOT FOUND THEN RETURN jsonb_build_object('status', 'no_charge'); END IF;
  SELECT coalesce(sum(amount), 0) INTO possible FROM reversible(p_account, p_charge);
  IF coalesce(p_amount, possible) > possible OR possible = 0 THEN
    RETURN jsonb_build_object('status', 'exceeds_charge', 'charged', charged, 'reversible', possible, 'asked', coalesce(p_amount, charged));
  END IF;
  SELECT string_agg(letter, '' ORDER BY turn DESC) AS moves, array_agg("grant" ORDER BY turn DESC) AS grants, array_agg(amount ORDER BY turn DESC) AS amounts,
         coalesce(sum(amount) FILTER (WHERE letter IN ('n', 'o')), 0)::bigint AS lapsed
    INTO back
    FROM (SELECT CASE WHEN g.closed = 'expired' THEN 'n' WHEN g.closed = 'revoked' THEN 'o' WHEN g.frozen IS NOT NULL THEN 'e' ELSE 'b' END AS letter,
                 r."grant", least(r.amount, coalesce(p_amount, possible) - r.before) AS amount, r.turn
            FROM (SELECT *, (sum(amount) OVER (ORDER BY turn DESC) - amount)::bigint AS before FROM reversible(p_account, p_charge)) r
            JOIN grants g ON g.account = p_account AND g."grant" = r."grant"
           WHERE r.before < coalesce(p_amount, possible)) t;
  IF p_compensate AND back.lapsed > 0 THEN
    PERFORM new_grant(w, 'compensation', back.lapsed, running_until(p_account), jsonb_build_object('type', 'reversal', 'act', p_charge), p_reason);
    back.moves := back.moves || 'g';
    back.grants := back.grants || (w.act + 1);
    back.amounts := back.amounts || back.lapsed;
  END IF;
  w := post(w, 'reverse', back.moves, back.grants, back.amounts, p_of => p_charge, p_amount => coalesce(p_amount, possible),
            p_actor => p_actor, p_reason => p_reason);
  RETURN finish(collect(next_due(w)), p_key, p_fingerprint, w.act);
END $$;
