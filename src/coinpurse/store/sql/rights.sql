-- Who may do what. The functions that are called from outside (they fix their search path) act with their owner's rights; all others, and every table,
-- are the owner's alone. A role that may use the schema may call functions and read, and change nothing but by them: what `coinpurse migrate --grant-to`
-- made of it holds for whatever a later version adds. Run again after each change; it changes nothing where all is as it should be.
DO $$
DECLARE
  one regprocedure;
  role_ regrole;
BEGIN
  FOR one IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'coinpurse'::regnamespace AND p.prokind = 'f' LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', one);
  END LOOP;
  FOR one IN SELECT p.oid FROM pg_proc p
              WHERE p.pronamespace = 'coinpurse'::regnamespace AND EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%') LOOP
    EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER', one);
  END LOOP;
  FOR role_ IN SELECT DISTINCT a.grantee FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) a
                WHERE n.nspname = 'coinpurse' AND a.privilege_type = 'USAGE' AND a.grantee NOT IN (0, n.nspowner) LOOP
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA coinpurse TO %s', role_);
    EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA coinpurse TO %s', role_);
  END LOOP;
END $$;
