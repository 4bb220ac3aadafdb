CREATE OR REPLACE FUNCTION put_key(p_id text, p_hash bytea, p_scopes text[], p_test boolean, p_name text) RETURNS void
LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  INSERT INTO api_keys (id, hash, scopes, test, name, created_at) VALUES (p_id, p_hash, p_scopes, p_test, p_name, clock_timestamp())
$$;

CREATE OR REPLACE FUNCTION revoke_key(p_id text) RETURNS void LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  UPDATE api_keys SET revoked_at = clock_timestamp() WHERE id = p_id AND (revoked_at IS NULL OR revoked_at > clock_timestamp())
$$;

-- Lets a key work on for so many seconds, and no longer.
CREATE OR REPLACE FUNCTION retire_key(p_id text, p_seconds bigint) RETURNS void LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  UPDATE api_keys SET revoked_at = clock_timestamp() + make_interval(secs => p_seconds)
   WHERE id = p_id AND (revoked_at IS NULL OR revoked_at > clock_timestamp() + make_interval(secs => p_seconds))
$$;

-- A secret of this deployment, made up at its first use: 256 bits of the server's strong randomness.
CREATE OR REPLACE FUNCTION secret(p_name text) RETURNS bytea LANGUAGE plpgsql SET search_path = coinpurse, pg_temp AS $$
DECLARE found_ bytea := (SELECT value FROM secrets WHERE name = p_name);
BEGIN
  IF found_ IS NULL THEN
    INSERT INTO secrets (name, value) VALUES (p_name, sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())))
    ON CONFLICT (name) DO NOTHING;
    found_ := (SELECT value FROM secrets WHERE name = p_name);
  END IF;
  RETURN found_;
END $$;

-- Keeps a catalog that comes into force, and what announcing must know of it.
CREATE OR REPLACE FUNCTION put_catalog(p_version text, p_content jsonb) RETURNS void LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  INSERT INTO catalogs (version, content, loaded_at) VALUES (p_version, p_content, clock_timestamp())
  ON CONFLICT (version) DO UPDATE SET loaded_at = excluded.loaded_at;
  UPDATE announcing SET low_balance = (p_content->'policies'->>'low_balance')::bigint
   WHERE low_balance IS DISTINCT FROM (p_content->'policies'->>'low_balance')::bigint
$$;
