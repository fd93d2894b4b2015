import type Stripe from 'stripe';

/** Loads the SDK, so that no first request has to. */
export async function loadSdk(): Promise<typeof Stripe> {
  return (await import('stripe')).default;
}

/**
 * A client that `open` makes at its first request. The SDK is more than 200 files, as many as Florin, and a
 * program that spends credits never asks Stripe anything. Of a client this has what Florin uses: methods
 * by their paths, whose answers can be awaited or, being lists, walked page by page.
 */
export function openedLater(open: () => Promise<Stripe>): Stripe {
  let opened: Promise<Stripe> | undefined;
  const at = (path: readonly string[]): object =>
    new Proxy(() => {}, {
      // Nobody who awaits the client, or prints it, asks Stripe anything.
      get: (_, name) =>
        typeof name === 'string' && name !== 'then' ? at([...path, name]) : undefined,
      apply(_, __, args: readonly unknown[]) {
        opened ??= open();
        return toAnswer(opened.then((client) => ({ list: call(client, path, args) })));
      },
    });
  return at([]) as Stripe;
}

/** What the SDK answers: a promise, which of a list can be walked too. */
type List = Promise<unknown> &
  AsyncIterable<unknown> & { autoPagingToArray(limits: object): Promise<unknown[]> };

function call(client: Stripe, path: readonly string[], args: readonly unknown[]): List {
  const owner = path
    .slice(0, -1)
    .reduce<unknown>((within, name) => Reflect.get(within as object, name), client);
  const method = Reflect.get(owner as object, path.at(-1) ?? '') as (...given: unknown[]) => List;
  return method.apply(owner, [...args]);
}

/** In an object, because a promise of a list would become one of its first page. */
function toAnswer(asked: Promise<{ list: List }>): List {
  const answer = asked.then(({ list }) => list);
  // Of a list that is walked, nobody awaits this one: its failure reaches whoever walks.
  answer.catch(() => {});
  return Object.assign(answer, {
    autoPagingToArray: async (limits: object) => (await asked).list.autoPagingToArray(limits),
    async *[Symbol.asyncIterator]() {
      yield* (await asked).list;
    },
  });
}
