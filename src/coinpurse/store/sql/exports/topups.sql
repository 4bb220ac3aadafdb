-- What was bought, with its payment and what is left of it, as `coinpurse import topups` reads it.
SELECT a.id AS account, p.reference AS payment, g.amount AS credits, p.provider, p.amount, p.currency,
       coalesce(w.remaining[array_position(w.live, g."grant")], 0) AS remaining
  FROM coinpurse.payments p
  JOIN coinpurse.grants g ON g.account = p.account AND g."grant" = p.act
  JOIN coinpurse.wallets w ON w.account = p.account
  JOIN coinpurse.accounts a ON a.account = p.account
 WHERE NOT a.test AND p.purpose = 'topup'
 ORDER BY g.account, g."grant"
