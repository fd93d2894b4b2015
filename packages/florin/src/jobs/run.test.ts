import { describe, expect, it } from 'vitest';
import { FlorinError, silentLogger, systemClock } from '../kernel/index.ts';
import { runOnce } from './run.ts';

const around = { logger: silentLogger, clock: systemClock, forMs: 60_000 };

function job(name: string, ...answers: readonly (boolean | Error)[]) {
  const left = [...answers];
  let runs = 0;
  return {
    name,
    everyMs: 1,
    runs: () => runs,
    run: async () => {
      runs += 1;
      const answer = left.shift() ?? false;
      if (answer instanceof Error) {
        throw answer;
      }
      return answer;
    },
  };
}

describe('jobs that are run once', () => {
  it('go on while there is more to do', async () => {
    const busy = job('drain', true, true, false);
    expect(await runOnce([busy], around)).toEqual([{ job: 'drain', more: false, failure: null }]);
    expect(busy.runs()).toBe(3);
  });

  it('have each their turn when the time is over, and say what is left', async () => {
    let at = 0;
    const clock = {
      now() {
        at += 40;
        return new Date(at);
      },
    };
    const [endless, other] = [job('drain', ...Array<boolean>(99).fill(true)), job('expire')];
    expect(await runOnce([endless, other], { ...around, clock, forMs: 100 })).toEqual([
      { job: 'drain', more: true, failure: null },
      { job: 'expire', more: false, failure: null },
    ]);
    expect(endless.runs()).toBe(3);
    expect(other.runs()).toBe(1);
  });

  it('fail each for itself, by a code', async () => {
    const jobs = [
      job('drain', true, new FlorinError('stripe_unavailable', 'away')),
      job('expire', new Error('what is that')),
      job('forget'),
    ];
    expect(await runOnce(jobs, around)).toEqual([
      { job: 'drain', more: true, failure: 'stripe_unavailable' },
      { job: 'expire', more: true, failure: 'internal' },
      { job: 'forget', more: false, failure: null },
    ]);
  });
});
