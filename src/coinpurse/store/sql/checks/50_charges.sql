-- A charge's entries come to its amount, a hold's too, and what was given back never exceeds what was charged (F2).
WITH back AS (
  SELECT account, of, sum(amount) AS amount FROM coinpurse.acts WHERE account = ANY(%(accounts)s) AND kind = 'reverse' GROUP BY account, of
)
SELECT a.account, a.act, a.kind || ' ' || a.act || ' of ' || a.amount || ' has entries of ' || a.taken || ', given back ' || coalesce(b.amount, 0) AS fault
  FROM (SELECT account, act, kind, amount, CASE WHEN moves IN ('c', 'k', 'h') THEN coalesce(amounts[1], 0) -- most have one entry
                 ELSE (SELECT coalesce(sum(m.amount), 0) FROM unnest(amounts, string_to_array(moves, NULL)) AS m(amount, letter) WHERE letter IN ('c', 'k', 'h')) END AS taken
          FROM coinpurse.acts WHERE account = ANY(%(accounts)s) AND kind IN ('charge', 'capture', 'hold')) a
  LEFT JOIN back b ON b.account = a.account AND b.of = a.act
 WHERE a.taken <> a.amount OR b.amount > a.amount
