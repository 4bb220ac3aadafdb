-- Subscriptions stand as the latest version of the terms shows them, which is in the chain.
SELECT w.account, w.act, 'subscriptions, periods and their marks stand otherwise than the ledger''s terms ' || w.terms || ' show: '
       || coalesce((SELECT string_agg(coalesce(n.key, o.key) || ' is ' || coalesce(n.value::text, 'not there') || ', was ' || coalesce(o.value::text, 'not there'), '; ')
                      FROM jsonb_each(now_) n FULL JOIN jsonb_each(t.terms) o ON o.key = n.key WHERE n.value IS DISTINCT FROM o.value), 'there is no such version') AS fault
  FROM coinpurse.wallets w
 CROSS JOIN LATERAL coinpurse.terms_of(w.account) AS now_
  LEFT JOIN coinpurse.terms t ON t.account = w.account AND t.version = w.terms
 WHERE w.account = ANY(%(accounts)s) AND now_ IS DISTINCT FROM t.terms
   AND (w.terms > 0 OR EXISTS (SELECT FROM coinpurse.subscriptions s WHERE s.account = w.account))
