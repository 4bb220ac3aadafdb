-- What is hashed of things that are never changed (L4): PostgreSQL's own wire format, which knows no time zone, language or setting, with
-- every text as its UTF-8 bytes. The balances and the sequence of an act are not in it: they follow from the entries, and `verify` reckons them again.
-- One expression, so that the planner puts it in place of the call.
CREATE OR REPLACE FUNCTION act_bytes(
  p_act bigint, p_at timestamptz, p_kind text, p_moves text, p_grants bigint[], p_amounts bigint[], p_amount bigint, p_of bigint, p_terms bigint,
  p_operation text, p_quantity bigint, p_details jsonb, p_actor text, p_reason text
) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT record_send(row(p_act, p_at, p_kind, p_moves, p_grants, p_amounts, p_amount, p_of, p_terms, convert_to(p_operation, 'UTF8'), p_quantity,
                         convert_to(p_details::text, 'UTF8'), convert_to(p_actor, 'UTF8'), convert_to(p_reason, 'UTF8')))
$$;

-- A grant as it was given. When a subscription's grant expires may move with its period, so that is not in it.
CREATE OR REPLACE FUNCTION grant_bytes(g grants) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT record_send(row(g."grant", g.kind, g.amount::bigint, g.priority, g.starts_at, CASE WHEN g.subscription IS NULL THEN g.expires_at END, g.subscription,
                         convert_to(g.source::text, 'UTF8'), convert_to(g.reason, 'UTF8')))
$$;

CREATE OR REPLACE FUNCTION terms_bytes(t terms) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT record_send(row(t.version, convert_to(t.terms::text, 'UTF8')))
$$;

-- The next link of an account's chain; the first is made with the account's own number.
CREATE OR REPLACE FUNCTION link_to(p_account uuid, p_chain bytea, p_bytes bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
  SELECT sha256(coalesce(p_chain, uuid_send(p_account)) || p_bytes)
$$;
