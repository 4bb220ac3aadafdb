-- The ledger entry by entry (L1): each letter of an act's `moves` is one, with the balance after it.
CREATE OR REPLACE VIEW entries AS
SELECT a.account, a.act, a.sequence - length(a.moves) + e.n AS sequence, m.kind, e."grant", g.kind AS bucket,
       e.amount * m.sign AS amount, e.amount AS moved, m.source, m.target,
       (coalesce(a.monthly, 0) + coalesce(a.other, 0) + coalesce(a.addon, 0)
         - (sum(e.amount * m.sign) OVER later - e.amount * m.sign))::bigint AS available_after,
       a.at, a.kind AS cause, a.of, a.actor, a.reason
  FROM acts a
 CROSS JOIN LATERAL unnest(a.grants, a.amounts, string_to_array(a.moves, NULL)) WITH ORDINALITY AS e("grant", amount, letter, n)
  JOIN moves m ON m.letter = e.letter
  JOIN grants g ON g.account = a.account AND g."grant" = e."grant"
WINDOW later AS (PARTITION BY a.account, a.act ORDER BY e.n DESC);
