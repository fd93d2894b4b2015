/** `npm run bench:nodes`: spends on one Postgres and on a Citus cluster of the same machine, as ratios. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { measure, type Variant } from './load.ts';

const [plainUrl, clusterUrl] = process.argv.slice(2);
if (plainUrl === undefined || clusterUrl === undefined) {
  process.stderr.write(
    'npm run bench:nodes -- <url of a migrated database on one Postgres> <url of a distributed one>\n',
  );
  process.exit(2);
}

const CLIENTS = 8;
const ACCOUNTS = 200;
const PACE = { rounds: 7, sliceMs: 1_500 };

const SPEND = 'select * from credits.spend($1, 1, $2)';

/** The account's id is made of hex digits and hyphens alone, and so is the key. */
const blockOf = (account: string, key: string) =>
  `begin; select * from credits.spend('${account}', 1, '${key}'); commit`;

async function open(url: string): Promise<{ clients: pg.Client[]; accounts: string[] }> {
  const clients = Array.from({ length: CLIENTS }, () => new pg.Client({ connectionString: url }));
  await Promise.all(clients.map((client) => client.connect()));
  const accounts = Array.from({ length: ACCOUNTS }, () => randomUUID());
  for (const account of accounts) {
    await clients[0]?.query("select credits.issue_grant($1, 1000000000, 'g', 'bench')", [account]);
  }
  return { clients, accounts };
}

function variantsOn(name: string, { clients, accounts }: Awaited<ReturnType<typeof open>>) {
  const any = () => accounts[Math.floor(Math.random() * accounts.length)] ?? '';
  const alone: Variant = {
    name: `${name}, alone`,
    clients: CLIENTS,
    call: async (n) =>
      clients[n]?.query({ name: 'spend', text: SPEND, values: [any(), randomUUID()] }),
  };
  const inBlock: Variant = {
    name: `${name}, in a block`,
    clients: CLIENTS,
    call: async (n) => clients[n]?.query(blockOf(any(), randomUUID())),
  };
  const read: Variant = {
    name: `${name}, balance`,
    clients: CLIENTS,
    call: async (n) =>
      clients[n]?.query({
        name: 'read',
        text: 'select * from credits.written_balances where account_id = $1',
        values: [any()],
      }),
  };
  return [alone, inBlock, read];
}

const plain = await open(plainUrl);
const cluster = await open(clusterUrl);
const found = await measure(
  {
    variants: [...variantsOn('plain', plain), ...variantsOn('cluster', cluster)],
    comparisons: ['alone', 'in a block', 'balance'].map((how) => ({
      what: `cluster against plain, ${how}`,
      of: `cluster, ${how}`,
      against: `plain, ${how}`,
      reach: 0,
    })),
    close: async () => undefined,
  },
  PACE,
);
for (const { what, ratio, lowest, highest, rate, rateAgainst } of found) {
  process.stdout.write(
    `${what}: ${ratio.toFixed(2)} (${lowest.toFixed(2)}–${highest.toFixed(2)}), ${Math.round(rate)} and ${Math.round(rateAgainst)} a second\n`,
  );
}
for (const client of [...plain.clients, ...cluster.clients]) {
  await client.end();
}
