import { resourceFiles, scopeOf, sourceOf, type Type } from './read.ts';

/** One method of the SDK: what it sends where, and what it expects back. */
export type Operation = {
  verb: string;
  /** `/v1/customers/*`: each id is a star. */
  path: string;
  params: Type | null;
  result: Type;
};

let known: Operation[] | undefined;

/** All that the SDK can ask for. */
export function operations(): readonly Operation[] {
  known ??= resourceFiles().flatMap(operationsOf);
  return known;
}

function operationsOf(file: string): Operation[] {
  const { methods } = scopeOf(file);
  let [resource, method] = ['', ''];
  const found: Operation[] = [];
  for (const line of sourceOf(file).split('\n')) {
    resource = /^export class (\w+)/.exec(line)?.[1] ?? resource;
    method = /^ {4}(\w+)\(.*\) \{$/.exec(line)?.[1] ?? method;
    const request = /_makeRequest\('(\w+)', (?:'([^']+)'|`([^`]+)`)/.exec(line);
    const declared = methods.get(`${resource}.${method}`);
    if (request !== null && declared !== undefined) {
      const path = (request[2] ?? request[3] ?? '').replaceAll(/\$\{[^}]*\}/g, '*');
      found.push({ verb: request[1] ?? '', path, ...declared });
    }
  }
  return found;
}

/** The method that a request is of; one without an id in its path comes before one with. */
export function operationOf(verb: string, path: string): Operation | undefined {
  const steps = path.split('/');
  const fitting = operations().filter((one) => {
    const wanted = one.path.split('/');
    return (
      one.verb === verb &&
      wanted.length === steps.length &&
      wanted.every((step, at) => step === '*' || step === steps[at])
    );
  });
  return fitting.sort((a, b) => stars(a) - stars(b))[0];
}

function stars(operation: Operation): number {
  return operation.path.split('*').length;
}
