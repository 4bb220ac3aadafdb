-- A payment is the one that its grant names, or is for a subscription that is there, and what it led to is in the ledger (P2, T6).
SELECT p.account, p.act, 'the payment ' || p.reference || ' of ' || p.provider || CASE
         WHEN p.act > w.act THEN ' names act ' || p.act || ', and the ledger ends with act ' || w.act
         WHEN g."grant" IS NOT NULL THEN ' is not the one that grant ' || g."grant" || ' was given for: ' || (g.source->>'reference') || ' of ' || (g.source->>'provider')
         ELSE ' is for "' || p.purpose || '", and there is no such subscription' END AS fault
  FROM coinpurse.payments p
  JOIN coinpurse.wallets w ON w.account = p.account AND w.account = ANY(%(accounts)s)
  LEFT JOIN coinpurse.grants g ON g.account = p.account AND g.account = ANY(%(accounts)s) AND g."grant" = p.act AND p.purpose = 'topup' AND g.source->>'type' = 'topup'
 WHERE p.account = ANY(%(accounts)s)
   AND (p.act > w.act OR (g.source->>'reference' <> p.reference OR g.source->>'provider' <> p.provider)
        OR (p.purpose LIKE 'pay %%' AND NOT EXISTS (SELECT FROM coinpurse.subscriptions s WHERE s.account = p.account AND 'pay ' || s.subscription = p.purpose)))
