import { Agent, request } from 'node:http';
import { expect, it } from 'vitest';
import { type Served, startServed } from '../../support/served.ts';
import { SERVER_KEY } from '../http/florin-service.ts';

const SENDERS = 16;

/** Sends over one kept-alive connection, one request after another, until nobody listens. */
async function sendOn(
  served: Served,
  onAnswer: () => void,
): Promise<{ answered: number; ended: string }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const send = () =>
    new Promise<number>((resolve, reject) => {
      const headers = { authorization: `Bearer ${SERVER_KEY}` };
      const path = '/api/accounts/6b3c0a52-7c1e-4f0f-9a55-0d8a5f0e7c11';
      const asked = request(served.url + path, { agent, headers }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode ?? 0));
        answer.on('error', reject);
      });
      asked.on('error', (error: NodeJS.ErrnoException) => {
        // A new connection that waited to be accepted when the service closed its door: nothing was cut.
        const notAccepted = error.code === 'ECONNRESET' && !asked.reusedSocket;
        reject(notAccepted ? Object.assign(error, { code: 'ECONNREFUSED' }) : error);
      });
      asked.end();
    });
  let answered = 0;
  try {
    for (;;) {
      const status = await send();
      if (status !== 200) {
        return { answered, ended: `status ${status}` };
      }
      answered += 1;
      onAnswer();
    }
  } catch (error) {
    return { answered, ended: (error as NodeJS.ErrnoException).code ?? String(error) };
  } finally {
    agent.destroy();
  }
}

it('a service that is asked to stop answers every request and closes each connection itself', {
  timeout: 240_000,
}, async () => {
  const served = await startServed();
  try {
    const answers = Array<number>(SENDERS).fill(0);
    const senders = answers.map((_, n) =>
      sendOn(served, () => {
        answers[n] = (answers[n] ?? 0) + 1;
      }),
    );
    await expect.poll(() => Math.min(...answers), { timeout: 60_000 }).toBeGreaterThan(10);
    const asked = performance.now();
    served.process.child.kill('SIGTERM');
    const { code } = await served.process.finished;
    const took = performance.now() - asked;
    const ends = await Promise.all(senders);
    expect(ends.map(({ ended }) => ended)).toEqual(Array(SENDERS).fill('ECONNREFUSED'));
    expect(code).toBe(0);
    expect(took).toBeLessThan(3_000);
  } finally {
    await served.close();
  }
});
