-- Grants with an amount of each, and the letter of each one's kind: what pays for a charge on the hot path, and what is left after it.
CREATE TYPE part AS (grants bigint[], amounts bigint[], kinds text);
