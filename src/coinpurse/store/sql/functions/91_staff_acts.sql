-- Credits that somebody has given and taken within the last day: what they asked for and did alone, and what they approved of others.
CREATE OR REPLACE FUNCTION staff_used(p_staff text, p_now timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce(sum(amount), 0)::bigint FROM staff_acts
   WHERE state IN ('under_way', 'done')
     AND ((staff = p_staff AND decided_by IS NULL AND at > p_now - interval '24 hours')
       OR (decided_by = p_staff AND decided_at > p_now - interval '24 hours'))
$$;

-- Notes an act before it is done, once. Beyond the limit (in credits within a day; null: none) it waits for a second person. The person's row is
-- locked, so that two acts of theirs at the same time can't both be within it.
CREATE OR REPLACE FUNCTION begin_staff_act(
  p_id uuid, p_staff text, p_act text, p_account uuid, p_target text, p_amount bigint, p_reason text, p_asked jsonb, p_limit bigint
) RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  known staff_acts;
  used bigint;
  next_state text;
BEGIN
  UPDATE staff SET email = email WHERE email = p_staff AND disabled_at IS NULL;
  IF NOT FOUND THEN RETURN jsonb_build_object('status', 'no_staff'); END IF;
  SELECT * INTO known FROM staff_acts WHERE id = p_id;
  IF FOUND THEN
    IF (known.staff, known.act, known.account, known.target, known.reason, known.asked) IS DISTINCT FROM (p_staff, p_act, p_account, p_target, p_reason, p_asked)
       OR (known.amount <> p_amount AND p_asked->>'whole' IS DISTINCT FROM 'true') THEN RETURN jsonb_build_object('status', 'another');
    END IF;
    RETURN jsonb_build_object('status', known.state, 'result', known.result);
  END IF;
  used := staff_used(p_staff, clock_timestamp());
  next_state := CASE WHEN coalesce(p_amount, 0) > p_limit - used THEN 'waiting' ELSE 'under_way' END;
  INSERT INTO staff_acts (id, staff, act, account, target, amount, reason, asked, state)
  VALUES (p_id, p_staff, p_act, p_account, p_target, p_amount, p_reason, p_asked, next_state);
  RETURN jsonb_build_object('status', next_state);
END $$;

-- A second person decides on what waits. Never who asked, never what is older than a week, and what they approve counts towards their own limit.
CREATE OR REPLACE FUNCTION decide_staff_act(p_id uuid, p_staff text, p_approve boolean, p_decision text, p_limit bigint) RETURNS text
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
  found_ staff_acts;
  present timestamptz;
BEGIN
  UPDATE staff SET email = email WHERE email = p_staff AND disabled_at IS NULL;
  IF NOT FOUND THEN RETURN 'no_staff'; END IF;
  UPDATE staff_acts SET state = state WHERE id = p_id AND state = 'waiting' RETURNING * INTO found_;
  present := clock_timestamp();
  IF found_.id IS NULL THEN RETURN 'not_waiting'; END IF;
  IF found_.staff = p_staff AND p_approve THEN RETURN 'own'; END IF;
  IF p_approve AND found_.at < present - interval '7 days' THEN RETURN 'too_old'; END IF;
  IF p_approve AND coalesce(found_.amount, 0) > p_limit - staff_used(p_staff, present) THEN RETURN 'beyond'; END IF;
  UPDATE staff_acts SET state = CASE WHEN p_approve THEN 'under_way' ELSE 'declined' END, decided_by = p_staff, decided_at = present, decision = p_decision,
         ended_at = CASE WHEN NOT p_approve THEN present END
   WHERE id = p_id;
  RETURN 'decided';
END $$;

-- Notes how an act ended.
CREATE OR REPLACE FUNCTION end_staff_act(p_id uuid, p_state text, p_result text) RETURNS void LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  UPDATE staff_acts SET state = p_state, result = p_result, ended_at = clock_timestamp() WHERE id = p_id AND state = 'under_way'
$$;

-- Notes what is done already, such as a sign-in.
CREATE OR REPLACE FUNCTION note_staff_act(p_id uuid, p_staff text, p_act text, p_target text, p_result text) RETURNS void
LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  INSERT INTO staff_acts (id, staff, act, target, state, result, ended_at) VALUES (p_id, p_staff, p_act, p_target, 'done', p_result, clock_timestamp())
  ON CONFLICT (id) DO NOTHING
$$;

-- What has ended is never changed, and nothing is ever taken out.
CREATE OR REPLACE TRIGGER staff_acts_kept BEFORE DELETE OR TRUNCATE ON staff_acts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER staff_acts_ended BEFORE UPDATE ON staff_acts FOR EACH ROW WHEN (OLD.state IN ('done', 'refused', 'declined')) EXECUTE FUNCTION refuse_change();
