-- Which rows of which kind of import were applied, and what each said: a second run knows them, and sees one that has changed.
CREATE TABLE imports (
  account     uuid NOT NULL,
  kind        text NOT NULL,
  reference   text NOT NULL,                                  -- what makes the row itself: its own id, its payment, or its account
  digest      text NOT NULL,                                  -- of what it said of credits
  imported_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (account, kind, reference)
);
