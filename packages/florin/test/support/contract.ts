import { isDeepStrictEqual } from 'node:util';
import { OPERATIONS, type Operation, problem } from '../../src/contract/index.ts';
import { type Credit, checkCredits, showCredits, WHOLE_CREDITS } from '../../src/credit/index.ts';

type Call = { readonly method: string; readonly path: string };
type Answer = { readonly status: number; readonly type: string; readonly body: unknown };

/** The operation that a call is of, and undefined for pages, documents and addresses of nothing. */
export function operationOf({ method, path }: Call): Operation | undefined {
  const pathname = path.split('?')[0] ?? '';
  return OPERATIONS.find(
    (operation) => operation.method === method.toLowerCase() && patternOf(operation).test(pathname),
  );
}

/**
 * What an answer has that the contract does not say, or lacks of it: also a key that no schema
 * names. Undefined: nothing. Answers that are no JSON are looked at only from outside.
 */
export function contractFault(
  call: Call,
  answer: Answer,
  credit: Credit = WHOLE_CREDITS,
): string | undefined {
  const fault = faultOf(operationOf(call), answer, credit);
  return fault === undefined
    ? undefined
    : `${call.method} ${call.path} answered ${answer.status}: ${fault}`;
}

function faultOf(
  operation: Operation | undefined,
  answer: Answer,
  credit: Credit,
): string | undefined {
  const { status, type, body } = answer;
  if (type.startsWith('application/problem+json')) {
    const isProblem = problem.safeParse(body);
    return isProblem.success && status >= 400 ? undefined : `${JSON.stringify(body)} is no problem`;
  }
  if (operation === undefined) {
    return undefined;
  }
  const { answers } = operation;
  // A job that failed gives its status to the answer, which stays the same.
  const success = answers[status] ?? (status >= 400 ? answers[200] : undefined);
  if (success === undefined) {
    return 'the contract has no such status';
  }
  const { schema, type: wanted = 'application/json' } = success;
  if (schema === undefined) {
    return body === undefined ? undefined : 'the contract has no body';
  }
  if (!type.startsWith(wanted)) {
    return `${type} instead of ${wanted}`;
  }
  if (wanted !== 'application/json') {
    return undefined;
  }
  let known: unknown;
  try {
    known = showCredits(credit, schema, checkCredits(credit, schema, body));
  } catch (error) {
    return (error as Error).message;
  }
  // A schema leaves out the keys that it does not know.
  return isDeepStrictEqual(known, body)
    ? undefined
    : `keys that the contract does not know: ${JSON.stringify(body)} instead of ${JSON.stringify(known)}`;
}

function patternOf({ path }: Operation): RegExp {
  return new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}
