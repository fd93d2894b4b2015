import { MAX_KEY } from '../contract/index.ts';
import { FlorinError } from '../kernel/index.ts';
import { uuidOf } from './body.ts';
import type { RequestContext } from './context.ts';
import { Reply } from './headers.ts';
import type { Parts } from './parts.ts';
import { RequestError } from './request-error.ts';

/** What an answer says that is an earlier call's. */
export const REPLAYED = { 'idempotent-replayed': 'true' };

/**
 * Returns what wraps a write of the app's own server: it checks the caller and the key, lets `work`
 * write, and says when the answer is that of an earlier call.
 */
export function createServerWrite({ callers, feed }: Pick<Parts, 'callers' | 'feed'>) {
  return function write<T extends { replayed: boolean }>(
    work: (c: RequestContext, call: { accountId: string; idempotencyKey: string }) => Promise<T>,
  ) {
    return async (c: RequestContext): Promise<Reply<T>> => {
      const refusing = callers.server(c);
      if (refusing !== undefined) {
        await refusing;
      }
      const call = { accountId: uuidOf(c, 'id'), idempotencyKey: keyOf(c) };
      const result = await work(c, call);
      feed.changed(call.accountId);
      return new Reply(result, result.replayed ? { headers: REPLAYED } : {});
    };
  };
}

/** Reads the key: a text in quotes, as the IETF draft has it, or a bare one, as Stripe writes it. */
export function keyOf(c: RequestContext): string {
  const header = c.req.header('idempotency-key')?.trim() ?? '';
  if (header === '') {
    throw new RequestError(
      'idempotency_key_missing',
      'Send the header Idempotency-Key with a name for this one operation, and repeat it on every retry.',
    );
  }
  const quoted = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(header)?.[1];
  const value = quoted === undefined ? header : quoted.replaceAll(/\\(["\\])/g, '$1');
  if (value === '' || value.length > MAX_KEY || !/^[\x20-\x7e]+$/.test(value)) {
    throw new FlorinError(
      'idempotency_key_invalid',
      `Idempotency-Key must be 1 to ${MAX_KEY} printable ASCII characters.`,
    );
  }
  return value;
}
