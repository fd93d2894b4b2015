import Stripe from 'stripe';
import type { Sandbox } from '../../src/index.ts';
import { faultsOf, faultsOfEvent } from './declarations/check.ts';
import { operationOf } from './declarations/operations.ts';

/** What only the Stripe CLI asks for: no SDK declares it. */
const OF_THE_CLI = /^\/v1\/(payment_pages|stripecli)|\/retry$/;

/**
 * Everything in which the sandbox's answers and events differ from what the SDK declares, each once.
 * Answers in an older version are left out: the SDK declares its own.
 */
export function differences(sandbox: Pick<Sandbox, 'requests' | 'events'>): string[] {
  const answered = sandbox
    .requests()
    .filter(
      ({ status, version, path }) =>
        status === 200 && version === Stripe.API_VERSION && !OF_THE_CLI.test(path),
    );
  const faults = answered.flatMap(({ method, path, answer }) => {
    const operation = operationOf(method, path);
    return operation === undefined
      ? [`${method} ${path}: the SDK has no such method`]
      : faultsOf(JSON.parse(answer), operation.result, `${method} ${operation.path}`);
  });
  const plain = [...faults, ...sandbox.events().flatMap(faultsOfEvent)].map((fault) =>
    fault.replaceAll(/\[\d+\]/g, '[]'),
  );
  return [...new Set(plain)].sort();
}
