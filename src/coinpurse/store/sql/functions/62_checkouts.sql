-- Opens a checkout, once; answers with what it is for. At a provider it has no address yet: `keep_checkout` notes that.
CREATE OR REPLACE FUNCTION open_checkout(
  p_checkout text, p_account text, p_item jsonb, p_return_url text, p_provider text, p_latest_subscription bigint
) RETURNS jsonb LANGUAGE plpgsql SET search_path = coinpurse, pg_temp AS $$
BEGIN
  INSERT INTO checkouts (checkout, account, item, status, return_url, created_at, provider, latest_subscription)
  VALUES (p_checkout, p_account, p_item, 'open', p_return_url, clock_timestamp(), p_provider, p_latest_subscription) ON CONFLICT (checkout) DO NOTHING;
  RETURN (SELECT item FROM checkouts WHERE checkout = p_checkout);
END $$;

-- Notes where a provider has opened a checkout; the first word counts. What the provider has told of it meanwhile is kept as a checkout of
-- its own, under the provider's name for it: that one becomes part of ours.
CREATE OR REPLACE FUNCTION keep_checkout(p_checkout text, p_reference text, p_url text, p_expires_at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp AS $$
DECLARE told_before text;
BEGIN
  DELETE FROM checkouts WHERE provider = (SELECT c.provider FROM checkouts c WHERE c.checkout = p_checkout) AND reference = p_reference AND checkout <> p_checkout
  RETURNING status INTO told_before;
  UPDATE checkouts SET reference = p_reference, url = p_url, expires_at = p_expires_at, status = coalesce(told_before, status), changed_at = clock_timestamp()
   WHERE checkout = p_checkout AND reference IS NULL;
END $$;

-- Notes that a checkout was paid, after what it bought was given.
CREATE OR REPLACE FUNCTION close_checkout(p_checkout text) RETURNS void LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  UPDATE checkouts SET status = 'paid', changed_at = clock_timestamp() WHERE checkout = p_checkout
$$;
