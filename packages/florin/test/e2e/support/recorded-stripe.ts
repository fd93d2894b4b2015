import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type RecordedStripe = {
  readonly url: string;
  /** What Stripe answers at a path without its query; anything else it does not know. */
  knows(path: string, answer: unknown): void;
  stop(): Promise<void>;
};

/**
 * Stripe as far as a recording needs it: a service that asks about a recorded object gets what Stripe
 * would have said, in the current API version, and 404 `resource_missing` about everything else.
 */
export async function startRecordedStripe(): Promise<RecordedStripe> {
  const known = new Map<string, unknown>();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://stripe');
    const answer = known.get(pathname);
    const error = { type: 'invalid_request_error', code: 'resource_missing', message: pathname };
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { error }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    knows: (path, answer) => void known.set(path, answer),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function list(path: string, data: readonly unknown[]) {
  return { object: 'list', url: path, has_more: false, data };
}

/** Posts a body as Stripe does, signed over its bytes. */
export async function deliver(to: { url: string; secret: string; body: string }) {
  const timestamp = Math.floor(Date.now() / 1000);
  const signature = createHmac('sha256', to.secret).update(`${timestamp}.${to.body}`).digest('hex');
  const response = await fetch(`${to.url}/api/stripe/webhook`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'stripe-signature': `t=${timestamp},v1=${signature}`,
    },
    body: to.body,
  });
  return { status: response.status, body: await response.text() };
}
