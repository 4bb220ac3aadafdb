-- The wallet says what its latest act says.
SELECT w.account, w.act, 'the wallet says act ' || w.act || ', sequence ' || w.sequence || ', terms ' || w.terms || ', ' || w.monthly || ' + ' || w.other || ' + ' || w.addon
       || ', held ' || w.held_monthly || ' + ' || w.held_other || ' + ' || w.held_addon || ', frozen ' || w.frozen_monthly || ' + ' || w.frozen_other || ' + ' || w.frozen_addon
       || '; the ledger ends with act ' || coalesce(a.act, 0) || ', sequence ' || coalesce(a.sequence, 0) || ', terms ' || coalesce(a.terms, 0) || ', '
       || coalesce(a.monthly, 0) || ' + ' || coalesce(a.other, 0) || ' + ' || coalesce(a.addon, 0)
       || ', held ' || coalesce(a.held_monthly, 0) || ' + ' || coalesce(a.held_other, 0) || ' + ' || coalesce(a.held_addon, 0)
       || ', frozen ' || coalesce(a.frozen_monthly, 0) || ' + ' || coalesce(a.frozen_other, 0) || ' + ' || coalesce(a.frozen_addon, 0) AS fault
  FROM coinpurse.wallets w
  LEFT JOIN LATERAL (SELECT * FROM coinpurse.acts a WHERE a.account = w.account ORDER BY a.act DESC LIMIT 1) a ON true
 WHERE w.account = ANY(%(accounts)s)
   AND (w.act, w.sequence, w.terms, w.monthly, w.other, w.addon, w.held_monthly, w.held_other, w.held_addon, w.frozen_monthly, w.frozen_other, w.frozen_addon)
       IS DISTINCT FROM
       (coalesce(a.act, 0), coalesce(a.sequence, 0), coalesce(a.terms, 0), coalesce(a.monthly, 0), coalesce(a.other, 0), coalesce(a.addon, 0),
        coalesce(a.held_monthly, 0), coalesce(a.held_other, 0), coalesce(a.held_addon, 0),
        coalesce(a.frozen_monthly, 0), coalesce(a.frozen_other, 0), coalesce(a.frozen_addon, 0))
UNION ALL
SELECT w.account, w.act, 'the wallet''s latest instant is ' || w.at || ', before its latest act of ' || a.at
  FROM coinpurse.wallets w JOIN coinpurse.acts a ON a.account = w.account AND a.act = w.act
 WHERE w.account = ANY(%(accounts)s) AND w.at < a.at
UNION ALL
SELECT w.account, w.act, 'the wallet tops up below ' || coalesce(w.top_up_below::text, 'nothing') || ', the automatic top-up says ' || coalesce(t.below::text, 'nothing')
  FROM coinpurse.wallets w LEFT JOIN coinpurse.auto_topups t ON t.account = w.account AND NOT t.removed
 WHERE w.account = ANY(%(accounts)s) AND w.top_up_below IS DISTINCT FROM t.below
