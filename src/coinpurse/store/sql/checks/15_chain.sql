-- Each group of acts is tied to what was before it by its hash, and the wallet keeps the last one (L4): nothing that was written has been
-- changed, removed, added or put elsewhere since.
WITH lines AS (
  SELECT a.account, a.act, a.hash,
         count(a.hash) OVER (PARTITION BY a.account ORDER BY a.act ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS link,
         coinpurse.act_bytes(a.act, a.at, a.kind, a.moves, a.grants, a.amounts, a.amount, a.of, a.terms, a.operation, a.quantity, a.details, a.actor, a.reason)
           || CASE WHEN g."grant" IS NULL THEN '' ELSE coinpurse.grant_bytes(g) END AS bytes,
         CASE WHEN t.version IS NOT NULL THEN coinpurse.terms_bytes(t) END AS terms
    FROM (SELECT a.*, lag(a.terms, 1, 0::bigint) OVER (PARTITION BY a.account ORDER BY a.act) AS terms_before FROM coinpurse.acts a WHERE a.account = ANY(%(accounts)s)) a
    LEFT JOIN coinpurse.unchained u ON u.account = a.account AND u.account = ANY(%(accounts)s)
    LEFT JOIN coinpurse.grants g ON g.account = a.account AND g.account = ANY(%(accounts)s) AND g."grant" = a.act AND a.moves LIKE '%%g%%'
    LEFT JOIN coinpurse.terms t ON t.account = a.account AND t.account = ANY(%(accounts)s) AND t.version = a.terms AND a.terms <> a.terms_before
   WHERE a.act > coalesce(u.act, 0)
), links AS (
  SELECT account, link, min(act) AS first, max(act) AS last, (array_agg(hash ORDER BY act DESC))[1] AS hash, string_agg(bytes, '' ORDER BY act) AS bytes,
         (array_agg(terms ORDER BY act))[1] AS terms
    FROM lines GROUP BY account, link
), tied AS (
  SELECT *, lag(hash) OVER (PARTITION BY account ORDER BY link) AS before FROM links
)
SELECT account, first AS act, CASE WHEN hash IS NULL THEN 'no hash covers ' WHEN first = last THEN 'the hash does not fit ' ELSE 'their hash does not fit ' END
       || CASE WHEN first = last THEN 'act ' || first ELSE 'acts ' || first || ' to ' || last END
       || CASE WHEN hash IS NULL THEN '' ELSE ': changed, removed or added since, or one before' END AS fault
  FROM tied
 WHERE hash IS DISTINCT FROM coinpurse.link_to(account, CASE WHEN terms IS NULL THEN before ELSE coinpurse.link_to(account, before, terms) END, bytes)
UNION ALL
SELECT w.account, w.act, 'the wallet''s hash is not that of the last act'
  FROM coinpurse.wallets w
  LEFT JOIN LATERAL (SELECT a.hash FROM coinpurse.acts a WHERE a.account = w.account ORDER BY a.act DESC LIMIT 1) a ON true
 WHERE w.account = ANY(%(accounts)s) AND w.chain IS DISTINCT FROM a.hash
