-- Each grant was given once and whole, no place of it is below zero, and the wallet keeps what is left of it in the right order (S3).
WITH entry AS MATERIALIZED (
  SELECT a.account, e."grant", e.letter, sum(e.amount) AS moved
    FROM coinpurse.acts a CROSS JOIN LATERAL unnest(a.grants, a.amounts, string_to_array(a.moves, NULL)) AS e("grant", amount, letter)
   WHERE a.account = ANY(%(accounts)s) GROUP BY a.account, e."grant", e.letter
), places AS (
  SELECT e.account, e."grant",
         sum(e.moved) FILTER (WHERE m.source = 'issued') AS issued,
         sum(e.moved * m.sign) AS available,
         sum(e.moved * ((m.target = 'held')::int - (m.source = 'held')::int)) AS held,
         sum(e.moved * ((m.target = 'frozen')::int - (m.source = 'frozen')::int)) AS frozen,
         sum(e.moved * ((m.target = 'spent')::int - (m.source = 'spent')::int)) AS spent
    FROM entry e JOIN coinpurse.moves m ON m.letter = e.letter GROUP BY e.account, e."grant"
), live AS (
  SELECT w.account, l."grant", l.remaining, l.n, substr(w.kinds, l.n::int, 1) AS letter
    FROM coinpurse.wallets w CROSS JOIN LATERAL unnest(w.live, w.remaining) WITH ORDINALITY AS l("grant", remaining, n)
   WHERE w.account = ANY(%(accounts)s) AND l.remaining > 0
), told AS (
  SELECT g.*, p.issued, p.available, p.held, p.frozen AS frozen_now, p.spent, l.remaining, l.letter,
         row_number() OVER (PARTITION BY g.account ORDER BY l.n) AS place,
         row_number() OVER (PARTITION BY g.account ORDER BY l."grant" IS NULL, CASE g.kind WHEN 'monthly' THEN 1 WHEN 'addon' THEN 3 ELSE 2 END,
                                                         g.priority, g.expires_at NULLS LAST, g."grant") AS turn
    FROM coinpurse.grants g
    LEFT JOIN places p ON p.account = g.account AND p."grant" = g."grant"
    LEFT JOIN live l ON l.account = g.account AND l."grant" = g."grant"
   WHERE g.account = ANY(%(accounts)s)
)
SELECT account, "grant" AS act, 'grant ' || "grant" || ' of ' || amount || ': issued ' || coalesce(issued, 0) || ', available ' || coalesce(available, 0)
       || ' (wallet: ' || coalesce(remaining, 0) || ', place ' || place || ' for turn ' || turn || '), held ' || coalesce(held, 0)
       || ', frozen ' || coalesce(frozen_now, 0) || ', spent ' || coalesce(spent, 0) || coalesce(', ' || closed, '') AS fault
  FROM told
 WHERE issued IS DISTINCT FROM amount OR available <> coalesce(remaining, 0) OR least(available, held, frozen_now, spent) < 0
    OR (remaining > 0 AND (place <> turn OR letter <> left(kind, 1))) OR (closed IS NOT NULL AND available + frozen_now > 0)
    OR coalesce(frozen, 0) <> frozen_now AND closed IS NULL
