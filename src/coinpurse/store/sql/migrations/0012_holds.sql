-- Which hold of an account ends first. The condition always holds, and keeps the index from being taken for the way to one hold of many: there,
-- all that an account has open would be read.
DROP INDEX holds_due;
CREATE INDEX holds_due ON holds (account, expires_at, hold) WHERE expires_at > '-infinity';
