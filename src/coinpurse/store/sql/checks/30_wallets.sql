-- The wallet says what its latest act says.
SELECT w.account, w.act, 'the wallet says act ' || w.act || ', sequence ' || w.sequence || ', ' || w.monthly || ' + ' || w.other || ' + ' || w.addon
       || '; the ledger ends with act ' || coalesce(a.act, 0) || ', sequence ' || coalesce(a.sequence, 0) || ', '
       || coalesce(a.monthly, 0) || ' + ' || coalesce(a.other, 0) || ' + ' || coalesce(a.addon, 0) AS fault
  FROM coinpurse.wallets w
  LEFT JOIN LATERAL (SELECT * FROM coinpurse.acts a WHERE a.account = w.account ORDER BY a.act DESC LIMIT 1) a ON true
 WHERE w.account = ANY(%(accounts)s)
   AND (w.act, w.sequence, w.monthly, w.other, w.addon, w.held_monthly, w.held_other, w.held_addon, w.frozen_monthly, w.frozen_other, w.frozen_addon)
       IS DISTINCT FROM
       (coalesce(a.act, 0), coalesce(a.sequence, 0), coalesce(a.monthly, 0), coalesce(a.other, 0), coalesce(a.addon, 0),
        coalesce(a.held_monthly, 0), coalesce(a.held_other, 0), coalesce(a.held_addon, 0),
        coalesce(a.frozen_monthly, 0), coalesce(a.frozen_other, 0), coalesce(a.frozen_addon, 0))
