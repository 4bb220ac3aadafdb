-- What a billing event says that it led to is in the ledger (E1).
SELECT e.account, n.act, 'the event ' || e.event || ' of ' || e.provider || ' led to act ' || n.act || CASE WHEN a.act IS NULL THEN ', which is not there' ELSE ', which ' || a.actor || ' made' END AS fault
  FROM coinpurse.events e CROSS JOIN LATERAL unnest(e.acts) AS n(act)
  LEFT JOIN coinpurse.acts a ON a.account = e.account AND a.account = ANY(%(accounts)s) AND a.act = n.act
 WHERE e.account = ANY(%(accounts)s) AND (a.act IS NULL OR a.actor = 'time')
UNION ALL
SELECT e.account, 0, 'the event ' || e.event || ' of ' || e.provider || ' led to something, and is ' || e.status
  FROM coinpurse.events e WHERE e.account = ANY(%(accounts)s) AND cardinality(e.acts) > 0 AND e.status NOT IN ('applied', 'waiting', 'failed')
