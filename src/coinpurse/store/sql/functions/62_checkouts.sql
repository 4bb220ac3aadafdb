-- Opens a checkout, once; answers with what it is for.
CREATE OR REPLACE FUNCTION open_checkout(p_checkout text, p_account text, p_item jsonb, p_return_url text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = coinpurse, pg_temp AS $$
BEGIN
  INSERT INTO checkouts (checkout, account, item, status, return_url, created_at)
  VALUES (p_checkout, p_account, p_item, 'open', p_return_url, clock_timestamp()) ON CONFLICT (checkout) DO NOTHING;
  RETURN (SELECT item FROM checkouts WHERE checkout = p_checkout);
END $$;

-- Notes that a checkout was paid, after what it bought was given.
CREATE OR REPLACE FUNCTION close_checkout(p_checkout text) RETURNS void LANGUAGE sql SET search_path = coinpurse, pg_temp AS $$
  UPDATE checkouts SET status = 'paid' WHERE checkout = p_checkout
$$;
