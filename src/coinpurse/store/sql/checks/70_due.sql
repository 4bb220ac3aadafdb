-- The wallet's next due instant is no later than anything that time will do to the account (T4).
SELECT w.account, w.act, 'the wallet is due at ' || w.due_at || ', but something is due at ' || d.at AS fault
  FROM coinpurse.wallets w CROSS JOIN LATERAL coinpurse.next_instant(w.account) AS d(at)
 WHERE w.account = ANY(%(accounts)s) AND d.at < w.due_at
