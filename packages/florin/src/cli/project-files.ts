import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type CatalogInput, OCR_CATALOG } from '../catalog/index.ts';
import { listMigrations } from '../db/index.ts';

/** A file that `florin init` puts into a project: its path in the project, and what it holds. */
export type ProjectFile = { readonly path: string; readonly content: string };

/** Everything a Supabase project needs to use Florin. */
export async function projectFiles(): Promise<ProjectFile[]> {
  const migrations = await Promise.all(
    (await listMigrations()).map(async ({ path }) => ({
      path: join('supabase', 'migrations', basename(path)),
      content: await readFile(path, 'utf8'),
    })),
  );
  return [
    ...migrations,
    { path: 'florin.config.ts', content: catalogFile(OCR_CATALOG) },
    { path: '.env.example', content: ENVIRONMENT },
  ];
}

/** The catalogue that Florin sells from when it is given none, written down so that it can be changed. */
function catalogFile({ prices }: CatalogInput): string {
  const written = Object.entries(prices).map(([id, price]) => {
    const fields = FIELDS.filter((name) => price[name] !== undefined).map(
      (name) => `      ${name}: ${literal(price[name])},`,
    );
    return [`    ${id}: {`, ...fields, '    },'].join('\n');
  });
  return `import { defineCatalog } from 'florin';

// What each Stripe price grants. The key is the id of a price, or its lookup_key.
export default defineCatalog({
  prices: {
${written.join('\n')}
  },
  // What usage costs, in credits: florin.charge({ meter: 'page', quantity: 3, … }).
  usage: {
    page: { credits: 1 },
    'page.vision': { credits: 3 },
  },
});
`;
}

const FIELDS = ['credits', 'reason', 'planType', 'kind', 'name', 'topUp'] as const;

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}

const ENVIRONMENT = `# Copy to .env and fill in; .env does not belong into version control. Check with: npx florin doctor

# Supabase: Project Settings > Database. Port 5432 (session) lets balances update at once; 6543 works too.
DATABASE_URL=

# Stripe: Developers > API keys, and the signing secret of the endpoint <your service>/api/stripe/webhook
STRIPE_SECRET_KEY=
STRIPE_WEBHOOK_SECRET=

# Supabase: Project Settings > API. Users' tokens are verified with the keys that it publishes.
SUPABASE_URL=
# Only for projects that still sign with the shared secret:
# SUPABASE_JWT_SECRET=
# For Florin's own pages, which sign in with it: the publishable (or anon) key.
# SUPABASE_PUBLISHABLE_KEY=

# Signs plan sessions, and lets your server call the service: at least 32 bytes each, for example
#   node -e "console.log(require('crypto').randomBytes(32).toString('base64url'))"
JWT_SECRET=
FLORIN_SECRET_KEY=

# Where buyers return to, and which web pages may call the service (comma-separated)
APP_URL=
ALLOWED_ORIGINS=
# For a plan session that is shared by subdomains: .example.com
# COOKIE_DOMAIN=

# Where the app hears of low balances and of top-ups that wait for their buyer
# ALERT_URL=

# FLORIN_CATALOG=florin.config.ts
# PORT=4242
# HOST=127.0.0.1
# LOG_LEVEL=info
# The figures for Prometheus on a port of their own, without a key; otherwise /metrics wants FLORIN_SECRET_KEY.
# METRICS_PORT=9464
# Requests a second that all buyers together may cause at Stripe, for each process; Stripe allows 100, or 25 in a sandbox.
# BUYER_STRIPE_CALLS=10
# How many proxies before the service append to X-Forwarded-For; 0 believes none.
# TRUSTED_PROXIES=0
`;
