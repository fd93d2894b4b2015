import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { widen } from '../support/widen.ts';
import { errorsOf, expectGood, SERVERS } from './target.ts';

/** Half of them spend with metadata, each in a commit of its own; all place holds too. */
const ACCOUNTS = 6;
const AFTER = 20;

it.each(SERVERS)(
  'a rolling upgrade on $name that widens functions fails no spend',
  {
    timeout: 240_000,
  },
  async ({ start }) => {
    const served = await start();
    try {
      const write = async (account: string, what: string, body: object) => {
        const answer = await served.ask(`/api/accounts/${account}/${what}`, {
          as: 'server',
          body,
          headers: { 'idempotency-key': randomUUID() },
        });
        return `${answer.status} ${answer.ok ? '' : await answer.text()}`.trim();
      };
      const answers: string[] = [];
      let stop = false;
      const customers = Array.from({ length: ACCOUNTS }, async (_, customer) => {
        const account = randomUUID();
        await write(account, 'grants', { amount: 100_000 });
        for (let n = 0; !stop; n += 1) {
          const metadata = customer % 2 === 0 ? {} : { metadata: { n } };
          const what = n % 3 === 0 ? 'holds' : 'spend';
          answers.push(await write(account, what, { amount: 1, ...metadata }));
        }
      });
      for (const name of ['spend', 'place_hold']) {
        for (const column of ['note', 'remark']) {
          const before = answers.length;
          await widen(served.fresh, name, column).catch((error: Error) => {
            answers.push(`widen ${name}: ${error.message}`);
          });
          await expect
            .poll(() => answers.length, { timeout: 30_000 })
            .toBeGreaterThan(before + AFTER);
        }
      }
      stop = true;
      await Promise.all(customers);
      expect(answers.filter((answer) => answer !== '200')).toEqual([]);
      expect(await errorsOf(served)).toEqual([]);
      await expectGood(served);
    } finally {
      await served.close();
    }
  },
);
