-- What follows a provider's subscription is a subscription of this account at that provider.
SELECT d.account, coalesce(d.subscription, 0) AS act, 'the standing of ' || d.reference || ' of ' || d.provider || ' is followed by subscription ' || d.subscription
       || CASE WHEN s.account IS NULL THEN ', which is not there' ELSE ', which is of ' || s.provider END AS fault
  FROM coinpurse.standings d LEFT JOIN coinpurse.subscriptions s ON s.account = d.account AND s.subscription = d.subscription
 WHERE d.account = ANY(%(accounts)s) AND d.subscription IS NOT NULL AND s.provider IS DISTINCT FROM d.provider
