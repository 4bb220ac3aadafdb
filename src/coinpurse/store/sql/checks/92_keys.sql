-- An idempotency key names an act that is there, and one that asks for the same; what was asked for lately has its key (S8). The keys of the last
-- 35 days at least are kept.
WITH mine AS (
  SELECT k.account, k.act, k.fingerprint FROM coinpurse.keys k
   WHERE k.account = ANY(%(accounts)s)
     AND k.slot IN ((SELECT coinpurse.key_slot(clock_timestamp())), (SELECT (coinpurse.key_slot(clock_timestamp()) + 2) %% 3))
), made AS (
  SELECT a.account, a.act, a.kind, a.amount, a.operation, a.quantity, a.kind = 'charge' AND a.details IS NULL AND a.actor <> 'time' AS plain,
         w.clock IS NULL AND a.kind IN ('charge', 'hold') AND a.operation IS DISTINCT FROM 'imported' AND a.at <= (SELECT clock_timestamp())
           AND a.at >= (SELECT to_timestamp((extract(epoch FROM clock_timestamp())::bigint / 3024000 - 1) * 3024000) + interval '1 minute') AS keyed
    FROM coinpurse.acts a JOIN coinpurse.wallets w ON w.account = a.account AND w.account = ANY(%(accounts)s)
   WHERE a.account = ANY(%(accounts)s)
)
SELECT coalesce(a.account, k.account) AS account, coalesce(a.act, k.act) AS act, CASE
         WHEN k.account IS NULL THEN 'the ' || a.kind || ' ' || a.act || ' has lost its idempotency key: made again, it would be made twice'
         WHEN a.account IS NULL THEN 'an idempotency key names act ' || k.act || ', which is not there'
         ELSE 'an idempotency key names act ' || k.act || ', which another request made' END AS fault
  FROM mine k FULL JOIN made a ON a.account = k.account AND a.act = k.act
 WHERE (k.account IS NULL AND a.keyed)
    OR (a.account IS NULL AND k.act > 0)
    OR (a.plain AND (a.operation IS NULL OR a.operation ~ '^[ !#-.0-;=?-\[\]-~]*$') AND int8send(k.fingerprint) <> substr(sha256(convert_to(
         '["charge",' || CASE WHEN a.operation IS NULL THEN a.amount || ',null,null,null]' ELSE 'null,"' || a.operation || '",' || a.quantity || ',null]' END, 'UTF8')), 1, 8))
