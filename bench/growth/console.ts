import { randomUUID } from 'node:crypto';
import {
  findByText,
  readAccountReport,
  readOverview,
} from '../../packages/florin/src/console/index.ts';
import { silentLogger } from '../../packages/florin/src/kernel/index.ts';
import { createStripeClient } from '../../packages/florin/src/stripe/index.ts';
import { listEvents } from '../../packages/florin/src/webhooks/index.ts';
import { oneOf } from '../cluster.ts';
import { balance, collect, grant, type Line, type Session, spend } from './session.ts';

export async function overEvents(session: Session, counts: readonly number[]): Promise<Line[]> {
  const { db } = session;
  let written = 0;
  const rare = randomUUID();
  return collect(
    '',
    [
      ['overview', () => () => readOverview(db)],
      ['the newest events', () => () => listEvents(db)],
      ['those of an account that has three', () => () => listEvents(db, { accountId: rare })],
      ['those of a type that came three times', () => () => listEvents(db, { type: 'rare.event' })],
      ['dead ones, of which there is none', () => () => listEvents(db, { status: 'dead' })],
    ],
    async (count) => {
      await session.bench.asAdmin(
        `insert into billing.events (event_id, type, livemode, created_at, received_at, status, account_id,
         object_id, processed_at, payload)
       select 'evt_' || n, case when n <= 3 then 'rare.event' else 'invoice.paid' end, true, now(),
              now() - interval '1 year' + n * interval '1 s', 'processed',
              case when n <= 3 then '${rare}'::uuid else gen_random_uuid() end, 'in_' || n, now(),
              jsonb_build_object('filler', repeat(md5(n::text), 40))
         from generate_series(${written + 1}, ${count}) as n`,
        'vacuum analyze billing.events',
      );
      written = count;
      return rare;
    },
    counts,
  );
}

/** Whatever is asked of one account must not depend on how many others there are. */
export async function overAccounts(session: Session, counts: readonly number[]): Promise<Line[]> {
  const { db, client } = session;
  const stripe = createStripeClient({
    secretKey: 'sk_test_51Bench7mark',
    apiBase: 'http://127.0.0.1:9',
  });
  const deps = { db, stripe, logger: silentLogger, perSeat: [] };
  let opened = 0;
  let some: string[] = [];
  return collect(
    '',
    [
      ['spend', () => () => spend(session, oneOf(some))],
      ['grant', () => () => grant(session, oneOf(some), 1)],
      ['balance', () => () => balance(session, oneOf(some))],
      ['search of the console for an account', () => () => findByText(deps, oneOf(some))],
      [
        'page of the console about an account',
        () => () => readAccountReport(deps, { accountId: oneOf(some) }),
      ],
    ],
    async (count) => {
      await client.query(
        `select count(*) from generate_series(${opened + 1}, ${count})
          cross join lateral credits.issue_grant(gen_random_uuid(), 1000000000, 'opening', 'bench')`,
      );
      opened = count;
      await session.bench.asAdmin('vacuum analyze');
      const { rows } = await client.query<{ id: string }>(
        'select account_id as id from credits.accounts limit 1000',
      );
      some = rows.map(({ id }) => id);
      return '';
    },
    counts,
  );
}
