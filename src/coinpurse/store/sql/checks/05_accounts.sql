-- An account is kept under half of the SHA-256 of its mode and name, and has its wallet.
SELECT a.account, 0::bigint AS act, CASE WHEN w.account IS NULL THEN 'the account has no wallet'
       ELSE 'the name "' || a.id || '" does not belong to this account: its number is made of another' END AS fault
  FROM coinpurse.accounts a LEFT JOIN coinpurse.wallets w ON w.account = a.account
 WHERE a.account = ANY(%(accounts)s)
   AND (w.account IS NULL OR uuid_send(a.account) <> substr(sha256(convert_to(CASE WHEN a.test THEN 'test:' ELSE 'live:' END || a.id, 'UTF8')), 1, 16))
