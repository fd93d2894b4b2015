-- Runs Florin's jobs every minute, by Supabase Cron: in the SQL editor, once, with your project and your key.
create extension if not exists pg_cron;
create extension if not exists pg_net;

-- The first key of FLORIN_SECRET_KEY. To change it: vault.update_secret.
select vault.create_secret('<FLORIN_SECRET_KEY>', 'florin_secret_key');

-- A minute in which the last call is still under way does no harm: each piece of work is done by one.
select cron.schedule('florin-jobs', '* * * * *', $$
  select net.http_post(
    url := 'https://<project>.supabase.co/functions/v1/api/jobs/run',
    headers := jsonb_build_object('authorization', 'Bearer ' || (
      select decrypted_secret from vault.decrypted_secrets where name = 'florin_secret_key')),
    timeout_milliseconds := 60000)
$$);

-- What came of it: select status_code, content from net._http_response order by created desc limit 10;
