-- A charge's entries come to its amount, a hold's too, and what was given back never exceeds what was charged (F2).
SELECT a.account, a.act, a.kind || ' ' || a.act || ' of ' || a.amount || ' has entries of ' || e.taken || ', given back ' || b.back AS fault
  FROM coinpurse.acts a
 CROSS JOIN LATERAL (SELECT coalesce(sum(m.amount), 0) AS taken FROM unnest(a.amounts, string_to_array(a.moves, NULL)) AS m(amount, letter)
                      WHERE letter IN ('c', 'k', 'h')) e
 CROSS JOIN LATERAL (SELECT coalesce(sum(r.amount), 0) AS back FROM coinpurse.acts r WHERE r.account = a.account AND r.of = a.act AND r.kind = 'reverse') b
 WHERE a.account = ANY(%(accounts)s) AND a.kind IN ('charge', 'capture', 'hold') AND (e.taken <> a.amount OR b.back > a.amount)
