-- What is announced has happened, and each delivery has its event (E5). Beyond 2^40 `n` is a clock's microsecond, and the event is about no act.
SELECT o.account, o.act, 'the announcement ' || o.type || ' of act ' || o.act || CASE WHEN a.act IS NULL THEN ' is about nothing in the ledger' ELSE ' is dated ' || o.at || ', the act ' || a.at END AS fault
  FROM coinpurse.outbox o
  LEFT JOIN coinpurse.acts a ON a.account = o.account AND a.account = ANY(%(accounts)s) AND a.act = o.act
 WHERE o.account = ANY(%(accounts)s) AND ((a.act IS NULL AND o.act > 0) OR (o.n < 1099511627776 AND o.at <> a.at))
UNION ALL
SELECT d.account, d.act, 'a delivery of act ' || d.act || ' has no announcement'
  FROM coinpurse.webhook_deliveries d
 WHERE d.account = ANY(%(accounts)s) AND NOT EXISTS (SELECT FROM coinpurse.outbox o WHERE o.account = d.account AND o.act = d.act AND o.n = d.n)
UNION ALL
SELECT d.account, min(d.act), 'deliveries to ' || d.endpoint || ' wait, and nothing will send them'
  FROM coinpurse.webhook_deliveries d
  JOIN coinpurse.webhook_endpoints e ON e.endpoint = d.endpoint AND e.disabled_at IS NULL
  LEFT JOIN coinpurse.webhook_queues q ON q.account = d.account AND q.endpoint = d.endpoint
 WHERE d.account = ANY(%(accounts)s) AND d.state = 'waiting' AND coalesce(q.next_at, 'infinity') = 'infinity'
 GROUP BY d.account, d.endpoint
