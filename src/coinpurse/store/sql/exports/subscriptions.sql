-- Subscriptions that run and are paid, as `coinpurse import subscriptions` reads them.
SELECT a.id AS account, s.plan, CASE s.months WHEN 12 THEN 'year' ELSE 'month' END AS interval,
       to_char(s.anchor AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS anchor,
       to_char(coinpurse.paid_until(s.account, s.subscription) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS paid_through,
       (SELECT coalesce(sum(w.remaining[array_position(w.live, g."grant")]), 0) FROM coinpurse.grants g
         WHERE g.account = s.account AND g.subscription = s.subscription AND g.closed IS NULL) AS remaining,
       s.account || ':' || s.subscription AS id
  FROM coinpurse.subscriptions s
  JOIN coinpurse.wallets w ON w.account = s.account
  JOIN coinpurse.accounts a ON a.account = s.account
 WHERE NOT a.test AND s.status = 'active' AND s.period >= 0 AND s.ends_at IS NULL AND coinpurse.paid_until(s.account, s.subscription) > clock_timestamp()
 ORDER BY s.account, s.subscription
