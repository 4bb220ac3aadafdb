-- Each hold is open, with its row as it was made, or was ended once (H3).
WITH ends AS (
  SELECT account, of, count(*) AS times FROM coinpurse.acts WHERE account = ANY(%(accounts)s) AND kind IN ('capture', 'release', 'timeout') GROUP BY account, of
)
SELECT a.account, a.act, 'hold ' || a.act || CASE WHEN h.hold IS NULL THEN ' is not open and was ended ' ELSE ' is open and was ended ' END || coalesce(e.times, 0) || ' times' AS fault
  FROM (SELECT account, act FROM coinpurse.acts WHERE account = ANY(%(accounts)s) AND kind = 'hold') a
  LEFT JOIN coinpurse.holds h ON h.account = a.account AND h.account = ANY(%(accounts)s) AND h.hold = a.act
  LEFT JOIN ends e ON e.account = a.account AND e.of = a.act
 WHERE coalesce(e.times, 0) <> (h.hold IS NULL)::int
UNION ALL
SELECT h.account, h.hold, 'hold ' || h.hold || CASE WHEN a.act IS NULL THEN ' is open, and no act made it'
       ELSE ' ends at ' || h.expires_at || ', and was made to end at ' || (a.details->>'expires_at') END
  FROM coinpurse.holds h LEFT JOIN coinpurse.acts a ON a.account = h.account AND a.account = ANY(%(accounts)s) AND a.act = h.hold AND a.kind = 'hold'
 WHERE h.account = ANY(%(accounts)s) AND h.expires_at IS DISTINCT FROM (a.details->>'expires_at')::timestamptz
