-- Ids and addresses are compared by small ASCII letters, whatever the server's language is: in Turkish the small letter of I is another one.
DROP INDEX accounts_id_begins;
DROP INDEX accounts_email;
CREATE INDEX accounts_id_begins ON accounts (lower(id COLLATE "C"));
CREATE INDEX accounts_email ON accounts (lower(email COLLATE "C"));
