-- Acts are numbered without gaps, entries too, and time never goes back (L1).
SELECT account, act, 'act ' || act || ' is out of line: the one before has number ' || coalesce(before::text, 'none') || ', sequence ' || coalesce(sequence_before::text, '0')
       || ', and ' || length(moves) || ' entries make ' || sequence || '; dated ' || at || ' after ' || coalesce(at_before::text, 'nothing') AS fault
  FROM (SELECT *, lag(act) OVER w AS before, lag(sequence) OVER w AS sequence_before, lag(at) OVER w AS at_before
          FROM coinpurse.acts WHERE account = ANY(%(accounts)s) WINDOW w AS (PARTITION BY account ORDER BY act)) a
 WHERE act <> coalesce(before, 0) + 1 OR sequence <> coalesce(sequence_before, 0) + length(moves) OR at < at_before
    OR length(moves) <> coalesce(cardinality(grants), 0) OR length(moves) <> coalesce(cardinality(amounts), 0)
