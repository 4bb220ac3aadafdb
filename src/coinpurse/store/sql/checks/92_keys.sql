-- An idempotency key names an act that is there, and one that asks for the same; what was asked for lately has its key (S8). The keys of the last
-- 35 days at least are kept.
WITH kept AS (
  SELECT to_timestamp((extract(epoch FROM clock_timestamp())::bigint / 3024000 - 1) * 3024000) AS since
), mine AS (
  SELECT k.* FROM coinpurse.keys k
   WHERE k.account = ANY(%(accounts)s) AND k.slot IN (coinpurse.key_slot(clock_timestamp()), (coinpurse.key_slot(clock_timestamp()) + 2) %% 3)
)
SELECT k.account, k.act, 'an idempotency key names act ' || k.act || CASE WHEN a.act IS NULL THEN ', which is not there' ELSE ', which another request made' END AS fault
  FROM mine k LEFT JOIN coinpurse.acts a ON a.account = k.account AND a.act = k.act
 WHERE (a.act IS NULL AND k.act > 0)
    OR (a.kind = 'charge' AND a.details IS NULL AND a.actor <> 'time' AND (a.operation IS NULL OR a.operation ~ '^[ !#-.0-;=?-\[\]-~]*$')
        AND k.fingerprint NOT IN (SELECT ('x' || encode(substr(sha256(convert_to(asked, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint
              FROM (VALUES ('["charge",' || CASE WHEN a.operation IS NULL THEN a.amount || ',null,null,null]' ELSE 'null,"' || a.operation || '",' || a.quantity || ',null]' END)) v(asked)))
UNION ALL
SELECT a.account, a.act, 'the ' || a.kind || ' ' || a.act || ' has lost its idempotency key: made again, it would be made twice'
  FROM coinpurse.acts a JOIN coinpurse.wallets w ON w.account = a.account CROSS JOIN kept
 WHERE a.account = ANY(%(accounts)s) AND w.clock IS NULL AND a.kind IN ('charge', 'hold') AND a.operation IS DISTINCT FROM 'imported'
   AND a.at BETWEEN kept.since + interval '1 minute' AND clock_timestamp()
   AND NOT EXISTS (SELECT FROM mine k WHERE k.account = a.account AND k.act = a.act)
