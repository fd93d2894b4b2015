import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATIONS, type Operation } from '../../../src/contract/index.ts';
import { ADA, openService, type TestService } from './florin-service.ts';

const nameOf = ({ method, path }: Operation) => `${method.toUpperCase()} ${path}`;
const guarded = OPERATIONS.filter(({ callers }) => callers !== undefined);
const isForUsers = ({ callers, tag }: Operation) =>
  callers?.includes('user') === true && tag !== 'Operator';

let service: TestService;
beforeAll(async () => {
  service = await openService({ development: true, limits: { refused: 100_000 } });
});
afterAll(() => service.close());

/** A request that says nothing but who asks: what is wrong with it otherwise is not looked at first. */
function ask(operation: Operation, as?: string) {
  const path = operation.path.replaceAll(/\{\w+\}/g, () => randomUUID());
  return service.ask(path, { method: operation.method.toUpperCase(), ...(as ? { as } : {}) });
}

describe('an operation that names its callers', () => {
  it.each(guarded.map((one) => [nameOf(one), one] as const))(
    '%s refuses who does not say who they are',
    async (_, operation) => {
      expect((await ask(operation)).status).toBe(401);
      expect((await ask(operation, 'e30.e30.forged')).status).toBe(401);
    },
  );

  it.each(guarded.filter((one) => !isForUsers(one)).map((one) => [nameOf(one), one] as const))(
    '%s refuses a user',
    async (_, operation) => {
      expect((await ask(operation, ADA)).status).toBe(403);
    },
  );

  it.each(
    guarded
      .filter(({ callers }) => !callers?.includes('server'))
      .map((one) => [nameOf(one), one] as const),
  )('%s refuses the server key', async (_, operation) => {
    expect((await ask(operation, 'server')).status).toBe(403);
  });
});
