-- Each period that the terms have shown has its row, with the dates and the plan that were shown last; the running one's says its state (T7).
WITH shown AS (
  SELECT DISTINCT ON (t.account, s.id, s.start) t.account, s.id, s.start, s.until, s.plan, t.version
    FROM coinpurse.terms t
   CROSS JOIN LATERAL (
      SELECT (j->>'id')::bigint AS id, (j->'current_period'->>'start')::timestamptz AS start, (j->'current_period'->>'end')::timestamptz AS until, j->>'plan' AS plan,
             (j->>'anchor')::timestamptz AS anchor
        FROM jsonb_array_elements(t.terms->'subscriptions') j) s
   WHERE t.account = ANY(%(accounts)s) AND s.start >= s.anchor
   ORDER BY t.account, s.id, s.start, t.version DESC
)
SELECT coalesce(h.account, r.account) AS account, coalesce(h.id, r.subscription) AS act,
       'subscription ' || coalesce(h.id, r.subscription) || ': the period of ' || coalesce(h.start, r.period_start) || CASE
         WHEN r.account IS NULL THEN ' has no renewal'
         WHEN h.account IS NULL THEN ' was never shown, and has a renewal'
         ELSE ' ends at ' || r.period_end || ', and was shown to end at ' || h.until END AS fault
  FROM shown h
  FULL JOIN (SELECT * FROM coinpurse.renewals WHERE account = ANY(%(accounts)s)) r ON r.account = h.account AND r.subscription = h.id AND r.period_start = h.start
 WHERE h.account IS NULL OR r.account IS NULL OR r.period_end <> h.until
UNION ALL
SELECT s.account, s.subscription, 'subscription ' || s.subscription || ': the running period is ' || s.period_state || ', its renewal says ' || coalesce(r.state, 'nothing')
  FROM coinpurse.subscriptions s
 CROSS JOIN LATERAL coinpurse.running(s) p
  LEFT JOIN coinpurse.renewals r ON r.account = s.account AND r.subscription = s.subscription AND r.period_start = p.starts
 WHERE s.account = ANY(%(accounts)s) AND s.period >= 0 AND s.status <> 'ended' AND r.state IS DISTINCT FROM s.period_state
UNION ALL
SELECT s.account, s.subscription, 'subscription ' || s.subscription || ': ' || r.unpaid || ' are unpaid of the period of ' || r.period_start || ', which is paid'
  FROM coinpurse.subscriptions s JOIN coinpurse.renewals r ON r.account = s.account AND r.subscription = s.subscription
 WHERE s.account = ANY(%(accounts)s) AND s.status <> 'ended' AND r.period_start < coinpurse.paid_through(s) AND r.unpaid <> 0
UNION ALL
SELECT r.account, r.subscription, 'subscription ' || r.subscription || ': the period of ' || r.period_start || ' is ' || r.state || ', and is over'
  FROM coinpurse.renewals r JOIN coinpurse.subscriptions s ON s.account = r.account AND s.subscription = r.subscription
 WHERE r.account = ANY(%(accounts)s) AND s.status = 'ended' AND r.state IN ('expected', 'provisional', 'late')
