-- What is left of credits that were given away, a row for each grant, as `coinpurse import balances` reads it.
SELECT a.id AS account, CASE g.kind WHEN 'addon' THEN l.remaining ELSE 0 END AS addon, CASE WHEN g.kind <> 'addon' THEN l.remaining END AS promo,
       to_char(g.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS promo_expires_at, g.account || ':' || g."grant" AS id
  FROM coinpurse.wallets w
 CROSS JOIN LATERAL unnest(w.live, w.remaining) AS l("grant", remaining)
  JOIN coinpurse.grants g ON g.account = w.account AND g."grant" = l."grant"
  JOIN coinpurse.accounts a ON a.account = w.account
 WHERE NOT a.test AND g.kind <> 'monthly' AND g.source->>'type' IS DISTINCT FROM 'topup'
 ORDER BY g.account, g."grant"
