import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { issueGrant, placeHold } from '../../../src/ledger/index.ts';
import { createMembers } from '../../../src/members/index.ts';
import { freshDatabase, isOnCluster } from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';

const TABLES = ['accounts', 'entries', 'grants', 'holds', 'allocations', 'balances'];
const VIEWS = ['credits_transactions', 'credits_balance_mv'];
const ROLES = ['viewer', 'member', 'admin', 'owner'] as const;

/** Runs SQL as whoever migrates. */
async function asMigrator(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** A team with something in every table, and a connection that reads as a signed-in user. */
async function openTeam() {
  const fresh = await freshDatabase();
  const client = new pg.Client({ connectionString: fresh.adminUrl });
  await client.connect();
  onTestFinished(async () => {
    await client.end();
    await fresh.close();
  });
  const accountId = randomUUID();
  await fillAccount(accountId);

  async function fillAccount(account: string): Promise<void> {
    const write = { accountId: account, amount: 10 };
    await issueGrant(fresh.db, { ...write, idempotencyKey: 'g', source: 'test' });
    await spend(fresh.db, { ...write, amount: 2, idempotencyKey: 's' });
    await placeHold(fresh.db, { ...write, amount: 3, idempotencyKey: 'h' });
    await fresh.db.query('select credits.settle_account($1)', [account]);
  }
  return {
    fresh,
    client,
    accountId,
    fillAccount,
    members: createMembers(fresh.db),
    /** Begins to read as this user, as PostgREST does. */
    async signIn(sub: string): Promise<void> {
      await client.query('rollback');
      await client.query('begin');
      await client.query('set local role authenticated');
      await client.query("select set_config('request.jwt.claims', $1, true)", [
        JSON.stringify({ sub, role: 'authenticated' }),
      ]);
    },
    /** What each table and view shows of whose accounts. */
    async seen(): Promise<Record<string, string[]>> {
      const found: Record<string, string[]> = {};
      const ask = async (name: string, column: string) => {
        const { rows } = await client.query(
          `select distinct ${column} as id from ${name} order by 1`,
        );
        found[name] = rows.map(({ id }) => id);
      };
      for (const table of TABLES) {
        await ask(`credits.${table}`, 'account_id');
      }
      for (const view of VIEWS) {
        await ask(`public.${view}`, 'user_id');
      }
      return found;
    },
  };
}

const everywhere = (ids: string[]) =>
  Object.fromEntries([
    ...TABLES.map((name) => [`credits.${name}`, [...ids].sort()]),
    ...VIEWS.map((name) => [`public.${name}`, [...ids].sort()]),
  ]);

// On a cluster reads by claims are refused, which test/integration/cluster shows; what the service reads is the same.
describe.skipIf(isOnCluster)('row level security', () => {
  it.each(ROLES)('shows a %s the account, their own, and nothing of others', async (role) => {
    const { accountId, members, fillAccount, signIn, seen, client } = await openTeam();
    const [userId, stranger] = [randomUUID(), randomUUID()];
    await fillAccount(userId);
    await fillAccount(stranger);
    await members.set({ accountId, userId, role });
    await signIn(userId);
    expect(await seen()).toEqual(everywhere([accountId, userId]));
    const { rows } = await client.query(
      `select (credits.read_balance($1)).posted as team, (credits.read_balance($2)).posted as other,
              public.get_user_credit_balance($1) as told`,
      [accountId, stranger],
    );
    expect(rows).toEqual([{ team: '8', other: '0', told: '8' }]);
    await expect(
      client.query('select public.get_user_credit_balance($1)', [stranger]),
    ).rejects.toMatchObject({ code: '42501' });
  });

  it('shows a removed member nothing from the next statement on, and strangers nothing at all', async () => {
    const { accountId, members, signIn, seen, client } = await openTeam();
    const userId = randomUUID();
    await members.set({ accountId, userId, role: 'owner' });
    await members.set({ accountId, userId: randomUUID(), role: 'owner' });
    await signIn(randomUUID());
    expect(await seen()).toEqual(everywhere([]));
    await signIn(userId);
    expect(await seen()).toEqual(everywhere([accountId]));
    await members.remove({ accountId, userId });
    expect(await seen()).toEqual(everywhere([]));
    await expect(
      client.query('select public.get_user_credit_balance($1)', [accountId]),
    ).rejects.toMatchObject({ code: '42501' });
  });
});

describe('the members', () => {
  it.each([
    ['the members', 'select * from credits.members'],
    ['roles of others', 'select credits.role_of($1, $1)'],
    ['members of an account', 'select credits.members_of($1)'],
    ['a membership for themselves', "select credits.set_member($1, $1, 'owner')"],
    [
      'another source of members',
      "select credits.read_members_from('credits.role_of(uuid, uuid)')",
    ],
  ])('give a signed-in user no %s', async (_, statement) => {
    const { accountId, signIn, client } = await openTeam();
    await signIn(randomUUID());
    const values = statement.includes('$1') ? [accountId] : [];
    await expect(client.query(statement, values)).rejects.toMatchObject({ code: '42501' });
  });
});

describe('members that the app keeps, as docs/teams.md says,', () => {
  let examples: string[];
  beforeAll(async () => {
    const guide = await readFile('docs/teams.md', 'utf8');
    examples = [...guide.matchAll(/```sql\n([\s\S]+?)```/g)].map(([, sql]) => sql ?? '');
    expect(examples).toHaveLength(2);
  });

  const SOURCES = [
    {
      what: 'in a table of its own',
      example: 0,
      prepare: '',
      put: `insert into public.team_members (team_id, user_id, role) values ($1, $2, $3)
              on conflict (team_id, user_id) do update set role = excluded.role`,
      remove: 'delete from public.team_members where team_id = $1 and user_id = $2',
    },
    {
      what: 'in custom claims',
      example: 1,
      // Supabase's own table, where there is none.
      prepare: 'create table auth.users (id uuid primary key, raw_app_meta_data jsonb)',
      put: `insert into auth.users (id, raw_app_meta_data)
              values ($2, jsonb_build_object('teams', jsonb_build_object($1::text, $3::text)))
              on conflict (id) do update set raw_app_meta_data = excluded.raw_app_meta_data`,
      remove: `update auth.users set raw_app_meta_data = raw_app_meta_data #- array['teams', $1::text]
                where id = $2`,
    },
  ];

  it.each(SOURCES)(
    '$what are read everywhere, and removed from the next statement on',
    async (source) => {
      const { fresh, client, accountId, members, signIn, seen } = await openTeam();
      const { db } = fresh;
      if (source.prepare !== '') {
        await client.query(source.prepare);
        await client.query(`grant all on auth.users to ${new URL(fresh.url).username}`);
      }
      await asMigrator(fresh.url, examples[source.example] ?? '');
      const put = (userId: string, role: string) =>
        client.query(source.put, [accountId, userId, role]);
      const users = Object.fromEntries(ROLES.map((role) => [role, randomUUID()]));
      await client.query('rollback');
      for (const role of ROLES) {
        await put(users[role] ?? '', role);
      }
      const boss = randomUUID();
      await put(boss, 'boss');
      for (const role of ROLES) {
        expect(await members.role({ accountId, userId: users[role] ?? '' })).toBe(role);
      }
      expect(await members.role({ accountId, userId: boss })).toBeUndefined();
      expect((await members.list({ accountId })).members).toHaveLength(ROLES.length);
      const viewer = users['viewer'] ?? '';
      expect((await members.accounts({ userId: viewer })).accounts).toEqual([
        { accountId: viewer, role: 'owner' },
        { accountId, role: 'viewer' },
      ]);
      const use = (actor: string | undefined, account = accountId) =>
        spend(db, { accountId: account, amount: 1, idempotencyKey: randomUUID(), actor });
      await use(users['member']);
      await use('agent:support');
      await expect(use(viewer)).rejects.toMatchObject({ code: 'role_too_low' });
      for (const actor of [boss, randomUUID()]) {
        await expect(use(actor)).rejects.toMatchObject({ code: 'not_a_member' });
        const hold = { accountId, amount: 1, idempotencyKey: randomUUID(), actor };
        await expect(placeHold(db, hold)).rejects.toMatchObject({ code: 'not_a_member' });
      }
      // An account without members takes any actor, and its own user.
      const alone = randomUUID();
      await issueGrant(db, { accountId: alone, amount: 5, idempotencyKey: 'g', source: 'test' });
      await use(randomUUID(), alone);
      await use(alone, alone);
      const refused = {
        code: 'invalid_input',
        message: expect.stringContaining('The app keeps'),
      };
      await expect(members.set({ accountId, userId: viewer, role: 'admin' })).rejects.toMatchObject(
        refused,
      );
      await expect(members.remove({ accountId, userId: viewer })).rejects.toMatchObject(refused);

      await signIn(viewer);
      if (!isOnCluster) {
        expect(await seen()).toEqual(everywhere([accountId]));
      }
      await expect(
        client.query('select * from public.florin_members($1, null)', [accountId]),
      ).rejects.toMatchObject({ code: '42501' });
      await signIn(viewer);
      await asMigrator(
        fresh.adminUrl,
        source.remove.replaceAll('$1', `'${accountId}'`).replaceAll('$2', `'${viewer}'`),
      );
      if (!isOnCluster) {
        expect(await seen()).toEqual(everywhere([]));
      }
      expect(await members.role({ accountId, userId: viewer })).toBeUndefined();
    },
  );

  it.each([
    [
      'takes other arguments',
      "returns table (account_id uuid, user_id uuid, role text) language sql security definer as 'select null::uuid, null::uuid, null::text'",
      '(p text)',
      '22023',
    ],
    [
      'would run with Florin’s rights',
      "returns table (account_id uuid, user_id uuid, role text) language sql as 'select null::uuid, null::uuid, null::text'",
      '(a uuid, b uuid)',
      '22023',
    ],
    [
      'lacks a column',
      "returns table (account_id uuid, user_id uuid) language sql security definer as 'select null::uuid, null::uuid'",
      '(a uuid, b uuid)',
      '42703',
    ],
  ])('are not read from a function that %s', async (_, body, signature, code) => {
    const { fresh } = await openTeam();
    await fresh.db.query(`create function public.florin_members ${signature} ${body}`);
    await fresh.db.query('grant execute on function public.florin_members to florin_owner');
    const types = signature.replaceAll(/\b\w+ (uuid|text)/g, '$1');
    const register = asMigrator(
      fresh.url,
      `call florin.begin_migration();
       select credits.read_members_from('public.florin_members${types}');
       call florin.end_migration();`,
    );
    await expect(register).rejects.toMatchObject({ code });
  });
});
