-- The balance kept with each act is the one before it and what its entries do (L1, L2): so it is the sum of all entries up to it. A bucket to
-- which nothing was done is as it was, which is quicker to see than to reckon.
WITH entry AS MATERIALIZED ( -- else the planner would look the grants up act by act
  SELECT a.account, a.act, e."grant", e.amount, e.letter
    FROM coinpurse.acts a CROSS JOIN LATERAL unnest(a.grants, a.amounts, string_to_array(a.moves, NULL)) AS e("grant", amount, letter)
   WHERE a.account = ANY(%(accounts)s)
), decoded AS (
  SELECT e.account, e.act, g.bucket, e.amount * m.sign AS available, e.amount * m.held AS held, e.amount * m.frozen AS frozen
    FROM entry e
    JOIN (SELECT letter, sign, (target = 'held')::int - (source = 'held')::int AS held, (target = 'frozen')::int - (source = 'frozen')::int AS frozen
            FROM coinpurse.moves) m ON m.letter = e.letter
    JOIN (SELECT account, "grant", CASE kind WHEN 'monthly' THEN 1 WHEN 'addon' THEN 3 ELSE 2 END AS bucket
            FROM coinpurse.grants WHERE account = ANY(%(accounts)s)) g ON g.account = e.account AND g."grant" = e."grant"
), effect AS (
  SELECT account, act,
         sum(available) FILTER (WHERE bucket = 1) AS monthly, sum(available) FILTER (WHERE bucket = 2) AS other, sum(available) FILTER (WHERE bucket = 3) AS addon,
         sum(held) FILTER (WHERE bucket = 1) AS held_monthly, sum(held) FILTER (WHERE bucket = 2) AS held_other, sum(held) FILTER (WHERE bucket = 3) AS held_addon,
         sum(frozen) FILTER (WHERE bucket = 1) AS frozen_monthly, sum(frozen) FILTER (WHERE bucket = 2) AS frozen_other, sum(frozen) FILTER (WHERE bucket = 3) AS frozen_addon
    FROM decoded GROUP BY account, act
), said AS (
  SELECT a.*,
         lag(a.monthly) OVER w AS monthly_before, lag(a.other) OVER w AS other_before, lag(a.addon) OVER w AS addon_before,
         lag(a.held_monthly) OVER w AS held_monthly_before, lag(a.held_other) OVER w AS held_other_before, lag(a.held_addon) OVER w AS held_addon_before,
         lag(a.frozen_monthly) OVER w AS frozen_monthly_before, lag(a.frozen_other) OVER w AS frozen_other_before, lag(a.frozen_addon) OVER w AS frozen_addon_before
    FROM coinpurse.acts a WHERE a.account = ANY(%(accounts)s) WINDOW w AS (PARTITION BY a.account ORDER BY a.act)
)
SELECT s.account, s.act, 'act ' || s.act || ' says ' || coalesce(s.monthly, 0) || ' + ' || coalesce(s.other, 0) || ' + ' || coalesce(s.addon, 0)
       || ' available, ' || coalesce(s.held_monthly, 0) || ' + ' || coalesce(s.held_other, 0) || ' + ' || coalesce(s.held_addon, 0) || ' held, '
       || coalesce(s.frozen_monthly, 0) || ' + ' || coalesce(s.frozen_other, 0) || ' + ' || coalesce(s.frozen_addon, 0) || ' frozen; its entries make '
       || coalesce(s.monthly_before, 0) + coalesce(e.monthly, 0) || ' + ' || coalesce(s.other_before, 0) + coalesce(e.other, 0) || ' + ' || coalesce(s.addon_before, 0) + coalesce(e.addon, 0)
       || ', ' || coalesce(s.held_monthly_before, 0) + coalesce(e.held_monthly, 0) || ' + ' || coalesce(s.held_other_before, 0) + coalesce(e.held_other, 0) || ' + ' || coalesce(s.held_addon_before, 0) + coalesce(e.held_addon, 0)
       || ', ' || coalesce(s.frozen_monthly_before, 0) + coalesce(e.frozen_monthly, 0) || ' + ' || coalesce(s.frozen_other_before, 0) + coalesce(e.frozen_other, 0) || ' + ' || coalesce(s.frozen_addon_before, 0) + coalesce(e.frozen_addon, 0) AS fault
  FROM said s LEFT JOIN effect e ON e.account = s.account AND e.act = s.act
 WHERE NOT (CASE WHEN e.monthly IS NULL THEN coalesce(s.monthly, 0) = coalesce(s.monthly_before, 0) ELSE coalesce(s.monthly, 0) = coalesce(s.monthly_before, 0) + e.monthly END
         AND CASE WHEN e.other IS NULL THEN coalesce(s.other, 0) = coalesce(s.other_before, 0) ELSE coalesce(s.other, 0) = coalesce(s.other_before, 0) + e.other END
         AND CASE WHEN e.addon IS NULL THEN coalesce(s.addon, 0) = coalesce(s.addon_before, 0) ELSE coalesce(s.addon, 0) = coalesce(s.addon_before, 0) + e.addon END
         AND CASE WHEN e.held_monthly IS NULL THEN coalesce(s.held_monthly, 0) = coalesce(s.held_monthly_before, 0) ELSE coalesce(s.held_monthly, 0) = coalesce(s.held_monthly_before, 0) + e.held_monthly END
         AND CASE WHEN e.held_other IS NULL THEN coalesce(s.held_other, 0) = coalesce(s.held_other_before, 0) ELSE coalesce(s.held_other, 0) = coalesce(s.held_other_before, 0) + e.held_other END
         AND CASE WHEN e.held_addon IS NULL THEN coalesce(s.held_addon, 0) = coalesce(s.held_addon_before, 0) ELSE coalesce(s.held_addon, 0) = coalesce(s.held_addon_before, 0) + e.held_addon END
         AND CASE WHEN e.frozen_monthly IS NULL THEN coalesce(s.frozen_monthly, 0) = coalesce(s.frozen_monthly_before, 0) ELSE coalesce(s.frozen_monthly, 0) = coalesce(s.frozen_monthly_before, 0) + e.frozen_monthly END
         AND CASE WHEN e.frozen_other IS NULL THEN coalesce(s.frozen_other, 0) = coalesce(s.frozen_other_before, 0) ELSE coalesce(s.frozen_other, 0) = coalesce(s.frozen_other_before, 0) + e.frozen_other END
         AND CASE WHEN e.frozen_addon IS NULL THEN coalesce(s.frozen_addon, 0) = coalesce(s.frozen_addon_before, 0) ELSE coalesce(s.frozen_addon, 0) = coalesce(s.frozen_addon_before, 0) + e.frozen_addon END)
