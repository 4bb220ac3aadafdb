-- What was taken back of a top-up whose money went back is in the ledger; nothing that is owed is left to spend (P3).
WITH took AS (
  SELECT a.account, a.of AS "grant",
         coalesce(sum(e.amount * CASE e.letter WHEN 'y' THEN -1 ELSE 1 END) FILTER (WHERE a.kind = 'reclaim' AND e.letter IN ('u', 'v', 'y')), 0) AS taken,
         coalesce(sum(e.amount) FILTER (WHERE a.kind = 'repay'), 0) AS repaid
    FROM coinpurse.acts a CROSS JOIN LATERAL unnest(a.amounts, string_to_array(a.moves, NULL)) AS e(amount, letter)
   WHERE a.account = ANY(%(accounts)s) AND a.kind IN ('reclaim', 'repay') GROUP BY a.account, a.of
)
SELECT g.account, g."grant" AS act, 'grant ' || g."grant" || ': ' || g.asked_back || ' asked back, ' || g.taken_back || ' taken and ' || g.repaid
       || ' repaid; the ledger has ' || coalesce(t.taken, 0) || ' and ' || coalesce(t.repaid, 0) || ', and ' || coalesce(l.remaining, 0) || ' are left to spend' AS fault
  FROM coinpurse.grants g
  LEFT JOIN took t ON t.account = g.account AND t."grant" = g."grant"
  LEFT JOIN LATERAL (SELECT r.remaining FROM coinpurse.wallets w, unnest(w.live, w.remaining) AS r("grant", remaining)
                      WHERE w.account = g.account AND r."grant" = g."grant") l ON true
 WHERE g.account = ANY(%(accounts)s) AND g.asked_back IS NOT NULL
   AND ((g.taken_back, g.repaid) IS DISTINCT FROM (coalesce(t.taken, 0), coalesce(t.repaid, 0))
        OR (g.asked_back > g.taken_back + g.repaid AND coalesce(l.remaining, 0) + coalesce(g.frozen, 0) > 0))
