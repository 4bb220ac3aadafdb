-- Each top-up has its payment, each payment for a top-up its grant, once (P2, E1).
SELECT coalesce(a.account, p.account) AS account, coalesce(a.act, p.act) AS act,
       CASE WHEN a.act IS NULL THEN 'the payment ' || p.reference || ' of ' || p.provider || ' names act ' || p.act || ', which is no top-up'
            ELSE 'the top-up ' || a.act || ' has no payment' END AS fault
  FROM (SELECT * FROM coinpurse.acts WHERE account = ANY(%(accounts)s) AND kind = 'topup') a
  FULL JOIN (SELECT * FROM coinpurse.payments WHERE account = ANY(%(accounts)s) AND purpose = 'topup') p ON p.account = a.account AND p.act = a.act
 WHERE a.act IS NULL OR p.act IS NULL
UNION ALL
SELECT account, act, 'the top-up ' || act || ' has ' || count(*) || ' payments' FROM coinpurse.payments
 WHERE account = ANY(%(accounts)s) AND purpose = 'topup' GROUP BY account, act HAVING count(*) > 1
