import pg from 'pg';
import { expect, it } from 'vitest';
import { freshDatabase } from '../../support/postgres.ts';
import { rowsRead } from '../../support/rows-read.ts';

/** Enough for a plan that reads all of them to show. */
const BEFORE = 200;
/** When vacuum last said how many there are. */
const YOUNG = 60;

it('a payment reads no more rows of others, however many came since its session planned', async () => {
  const fresh = await freshDatabase({ maxConnections: 1 });
  const admin = new pg.Client({ connectionString: fresh.adminUrl || fresh.url });
  await admin.connect();
  // Read and written as of a checkout session with its payment intent.
  const pay = async (n: number) => {
    const names = [`cs_${n}`, `pi_${n}`];
    await fresh.db.query(
      'select payments from billing.read_state($1, $2, null, null, null, false)',
      [`evt_${n}`, names],
    );
    await fresh.db.query(
      `select billing.apply_event(p_status => 'processed', p_event_id => $1, p_payload => '{}',
         p_type => 'checkout.session.completed', p_livemode => false, p_created => 0,
         p_payment_id => $2, p_payment_other_names => array[$3], p_payment_state => '{}',
         p_payment_status => 'waiting')`,
      [`evt_${n}`, ...names],
    );
  };
  const read = () => rowsRead(fresh.db, ['billing.payments']);
  try {
    for (let n = 0; n < BEFORE; n += 1) {
      if (n === YOUNG) {
        await admin.query('vacuum analyze billing.payments');
      }
      await pay(n);
    }
    await fresh.db.query('begin');
    const before = await read();
    await pay(BEFORE);
    expect((await read()) - before).toBeLessThan(10);
    await fresh.db.query('rollback');
  } finally {
    await admin.end();
    await fresh.close();
  }
});
