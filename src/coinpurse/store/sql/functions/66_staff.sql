-- Adds a member of staff; false where the address is taken.
CREATE OR REPLACE FUNCTION add_staff(p_staff text, p_email text, p_name text, p_role text, p_password text) RETURNS boolean
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp AS $$
BEGIN
  INSERT INTO staff (staff, email, name, role, password) VALUES (p_staff, p_email, p_name, p_role, p_password) ON CONFLICT DO NOTHING;
  RETURN FOUND;
END $$;

-- Changes what is given of a member of staff (null: stays), and ends their sessions: whatever it is, they sign in anew.
CREATE OR REPLACE FUNCTION change_staff(p_staff text, p_role text, p_password text, p_enabled boolean) RETURNS void
LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  UPDATE staff SET role = coalesce(p_role, role), password = coalesce(p_password, password),
         disabled_at = CASE WHEN p_enabled IS NULL THEN disabled_at WHEN NOT p_enabled THEN coalesce(disabled_at, clock_timestamp()) END
   WHERE staff = p_staff;
  DELETE FROM staff_sessions WHERE staff = p_staff
$$;

-- Binds a member of staff to the name that an issuer has for them, at their first sign-in there; says whether they are bound to it.
CREATE OR REPLACE FUNCTION bind_staff(p_staff text, p_issuer text, p_subject text) RETURNS boolean
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp AS $$
BEGIN
  UPDATE staff SET issuer = p_issuer, subject = p_subject
   WHERE staff = p_staff AND ((subject IS NULL AND issuer IS NULL) OR (issuer = p_issuer AND subject = p_subject));
  RETURN FOUND;
END $$;

-- Counts an attempt to sign in, before it is looked at, and answers how many there were since the window began.
CREATE OR REPLACE FUNCTION count_attempt(p_name bytea, p_window interval) RETURNS int LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  INSERT INTO staff_attempts AS a (name, attempts, since) VALUES (p_name, 1, clock_timestamp())
  ON CONFLICT (name) DO UPDATE SET attempts = CASE WHEN a.since > clock_timestamp() - p_window THEN a.attempts + 1 ELSE 1 END,
                                   since = CASE WHEN a.since > clock_timestamp() - p_window THEN a.since ELSE clock_timestamp() END
  RETURNING attempts
$$;

-- Somebody came in: what they tried before was no guessing.
CREATE OR REPLACE FUNCTION forget_attempts(p_names bytea[]) RETURNS void LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  DELETE FROM staff_attempts WHERE name = ANY (p_names)
$$;

-- Signs somebody in, and forgets what others have left behind.
CREATE OR REPLACE FUNCTION start_staff_session(p_session bytea, p_staff text, p_longest interval) RETURNS void
LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  DELETE FROM staff_sessions WHERE started_at < clock_timestamp() - p_longest;
  DELETE FROM staff_attempts WHERE since < clock_timestamp() - interval '1 day';
  INSERT INTO staff_sessions (session, staff) VALUES (p_session, p_staff)
$$;

CREATE OR REPLACE FUNCTION see_staff_session(p_session bytea) RETURNS void LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  UPDATE staff_sessions SET seen_at = clock_timestamp() WHERE session = p_session
$$;

CREATE OR REPLACE FUNCTION end_staff_session(p_session bytea) RETURNS void LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  DELETE FROM staff_sessions WHERE session = p_session
$$;
