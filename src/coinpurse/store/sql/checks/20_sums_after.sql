-- The balance kept with each act is the sum of all entries up to it (L1, L2).
WITH effect AS (
  SELECT a.account, a.act, b.bucket,
         sum(e.amount * m.sign) AS available,
         sum(e.amount * ((m.target = 'held')::int - (m.source = 'held')::int)) AS held,
         sum(e.amount * ((m.target = 'frozen')::int - (m.source = 'frozen')::int)) AS frozen
    FROM coinpurse.acts a
   CROSS JOIN LATERAL unnest(a.grants, a.amounts, string_to_array(a.moves, NULL)) AS e("grant", amount, letter)
    JOIN coinpurse.moves m ON m.letter = e.letter
    JOIN coinpurse.grants g ON g.account = a.account AND g."grant" = e."grant"
   CROSS JOIN LATERAL (SELECT CASE g.kind WHEN 'monthly' THEN 'monthly' WHEN 'addon' THEN 'addon' ELSE 'other' END AS bucket) b
   WHERE a.account = ANY(%(accounts)s)
   GROUP BY a.account, a.act, b.bucket
), reckoned AS (
  SELECT a.*, coalesce(e.available, 0) AS d_available, coalesce(e.held, 0) AS d_held, coalesce(e.frozen, 0) AS d_frozen, b.bucket
    FROM coinpurse.acts a CROSS JOIN (VALUES ('monthly'), ('other'), ('addon')) AS b(bucket)
    LEFT JOIN effect e ON e.account = a.account AND e.act = a.act AND e.bucket = b.bucket
   WHERE a.account = ANY(%(accounts)s)
), summed AS (
  SELECT r.*, sum(d_available) OVER w AS available, sum(d_held) OVER w AS held, sum(d_frozen) OVER w AS frozen,
         coalesce(CASE bucket WHEN 'monthly' THEN monthly WHEN 'other' THEN other ELSE addon END, 0) AS said_available,
         coalesce(CASE bucket WHEN 'monthly' THEN held_monthly WHEN 'other' THEN held_other ELSE held_addon END, 0) AS said_held,
         coalesce(CASE bucket WHEN 'monthly' THEN frozen_monthly WHEN 'other' THEN frozen_other ELSE frozen_addon END, 0) AS said_frozen
    FROM reckoned r WINDOW w AS (PARTITION BY account, bucket ORDER BY act)
)
SELECT account, act, 'act ' || act || ' says ' || bucket || ' ' || said_available || ' available, ' || said_held || ' held, ' || said_frozen
       || ' frozen; its entries make ' || available || ', ' || held || ', ' || frozen AS fault
  FROM summed WHERE available <> said_available OR held <> said_held OR frozen <> said_frozen
