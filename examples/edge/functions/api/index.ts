import { createFlorin } from 'florin';
import { catalog } from '../../../catalog.ts';

// Supabase gives every function SUPABASE_URL and SUPABASE_DB_URL; the rest comes by `supabase secrets set`.
const settings = Deno.env.toObject();
const florin = createFlorin({
  catalog,
  environment: { ...settings, DATABASE_URL: settings['SUPABASE_DB_URL'] },
});

// The function is called `api`, so that its address ends as Florin's routes begin: /functions/v1/api/plans.
Deno.serve((request) => florin.fetch(request));
