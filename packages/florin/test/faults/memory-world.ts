import type { Catalog } from '../../src/catalog/index.ts';
import {
  type Command,
  type Effects,
  EMPTY_PAYMENT,
  type KnownState,
  mergePayments,
  type Need,
  type PaymentState,
  type StoredSubscription,
} from '../../src/fulfillment/index.ts';
import { readEvent } from '../../src/stripe/index.ts';
import { decideWith, factOf, type StateRequest } from '../../src/webhooks/index.ts';

type Payment = {
  id: string;
  subscriptionId: string | null;
  aliases: Set<string>;
  state: PaymentState;
  status: string;
};
type Read = {
  found: Payment[];
  known: KnownState;
  /** Subscriptions whose payments are kept under another one's once this is written. */
  joins: (readonly [one: string, under: string])[];
};
type Grant = { accountId: string; amount: number; reversed: number };

/**
 * The database and the ledger as plain objects, so that thousands of orders of events can be played
 * through the real decisions. It refuses what the ledger would refuse.
 */
export class MemoryWorld {
  readonly grants = new Map<string, Grant>();
  readonly unfinished = new Map<string, unknown>();
  #payments: Payment[] = [];
  #made = 0;
  readonly #customers = new Map<string, string>();
  readonly #subscriptions = new Map<string, StoredSubscription>();
  /** Under which other subscription's payments one's are kept. */
  readonly #keptUnder = new Map<string, string>();
  readonly #finished = new Set<string>();
  readonly #keys = new Map<string, string>();
  readonly #catalog: Catalog;
  readonly #answer: (need: Need) => unknown;

  constructor(catalog: Catalog, answer: (need: Need) => unknown = () => null) {
    this.#catalog = catalog;
    this.#answer = answer;
  }

  async deliver(payload: unknown): Promise<Effects['status'] | 'duplicate'> {
    const event = readEvent(payload);
    if (event === undefined) {
      throw new Error('not an event');
    }
    if (this.#finished.has(event.id)) {
      return 'duplicate';
    }
    const answers = new Map<string, unknown>();
    const decided = await decideWith({
      fact: factOf(event),
      eventId: event.id,
      catalog: this.#catalog,
      clock: { now: () => new Date(1_790_000_100_000) },
      details: {
        get: (ask: string, id: string) => answers.get(`${ask}:${id}`) as never,
        ask: async (need) => {
          answers.set(`${need.ask}:${need.id}`, (await this.#answer(need)) ?? null);
        },
      },
      read: async (request) => this.#read(request),
    });
    if (decided === undefined) {
      throw new Error('a read that is never finished was');
    }
    this.#write(decided.effects, { ...decided.read, aliases: decided.aliases });
    if (decided.effects.status === 'failed') {
      this.unfinished.set(event.id, payload);
    } else {
      this.unfinished.delete(event.id);
      this.#finished.add(event.id);
    }
    return decided.effects.status;
  }

  /** Tries unfinished events again until none makes progress, as the inbox does. */
  async settle(): Promise<void> {
    for (let before = -1; before !== this.unfinished.size; ) {
      before = this.unfinished.size;
      for (const payload of [...this.unfinished.values()]) {
        await this.deliver(payload);
      }
    }
  }

  balance(accountId: string): number {
    return [...this.grants.values()]
      .filter((grant) => grant.accountId === accountId)
      .reduce((sum, grant) => sum + grant.amount - grant.reversed, 0);
  }

  /**
   * What must be the same in the end: each grant with how much of it is taken back, and all that is
   * known of each payment's money.
   */
  summary(): string {
    const grants = [...this.grants].map(
      ([key, grant]) => `${key} ${grant.accountId} ${grant.amount} -${grant.reversed}`,
    );
    const payments = this.#payments.map(({ aliases, state: { purchases, ...facts } }) =>
      canonical([[...aliases].sort(), facts, Object.keys(purchases).sort()]),
    );
    return [...grants.sort(), ...payments.sort()].join('\n');
  }

  /** How the payments stand, as pages show them. */
  statuses(): ReadonlySet<string> {
    return new Set(this.#payments.map(({ status }) => status));
  }

  /** What billing.read_state answers. */
  #read(request: StateRequest): Read {
    const { aliases, customerId, subscriptionId, wholeSubscription } = request;
    const found = this.#payments.filter((one) => aliases.some((name) => one.aliases.has(name)));
    const ofSubscription =
      subscriptionId ?? found.find((one) => one.subscriptionId !== null)?.subscriptionId ?? null;
    const key = ofSubscription === null ? null : this.#keyOf(ofSubscription);
    const joined = request.joinedSubscriptions
      .map((id) => this.#keyOf(id))
      .filter((one) => one !== key);
    const family = this.#payments.filter(
      ({ subscriptionId: of }) => of !== null && [key, ...joined].includes(this.#keyOf(of)),
    );
    const whole =
      ofSubscription !== null &&
      (wholeSubscription ||
        joined.length > 0 ||
        family.some((one) => one.state.returns !== undefined));
    const ended = [...this.#subscriptions.values()].flatMap(({ id, fact }) =>
      fact?.endedAt == null ? [] : [[id, fact.endedAt] as const],
    );
    return {
      found,
      joins: key === null ? [] : joined.map((one) => [one, key]),
      known: {
        payment: found.reduce((all, one) => mergePayments(all, one.state), EMPTY_PAYMENT),
        customerAccountId: this.#customers.get(customerId ?? '') ?? null,
        subscription: this.#subscriptions.get(subscriptionId ?? '') ?? null,
        relatives: whole ? family.filter((one) => !found.includes(one)) : [],
        ended: Object.fromEntries(ended),
      },
    };
  }

  #keyOf(subscriptionId: string): string {
    const under = this.#keptUnder.get(subscriptionId);
    return under === undefined ? subscriptionId : this.#keyOf(under);
  }

  #write(
    effects: Effects,
    { found, aliases, joins }: Pick<Read, 'found' | 'joins'> & { aliases: readonly string[] },
  ): void {
    if (effects.payment !== null) {
      for (const [one, under] of joins) {
        this.#keptUnder.set(one, under);
      }
      const names = new Set([...aliases, ...found.flatMap((one) => [...one.aliases])]);
      this.#payments = this.#payments.filter((one) => !found.includes(one));
      // Through JSON, as the database keeps it.
      const state = JSON.parse(JSON.stringify(effects.payment.state)) as PaymentState;
      const { status, subscriptionId } = effects.payment;
      this.#made += 1;
      const id = found[0]?.id ?? `payment ${this.#made}`;
      this.#payments.push({ id, subscriptionId, aliases: names, state, status });
    }
    for (const { id, state } of effects.relatives ?? []) {
      const relative = this.#payments.find((one) => one.id === id);
      if (relative === undefined) {
        throw new Error(`no such payment: ${id}`);
      }
      relative.state = JSON.parse(JSON.stringify(state)) as PaymentState;
    }
    if (effects.customer !== null && !this.#customers.has(effects.customer.customerId)) {
      this.#customers.set(effects.customer.customerId, effects.customer.accountId);
    }
    if (effects.subscription !== null) {
      const { subscriptionId, accountId, fact } = effects.subscription;
      const known = this.#subscriptions.get(subscriptionId);
      this.#subscriptions.set(subscriptionId, {
        id: subscriptionId,
        accountId: known?.accountId ?? accountId,
        fact: fact ?? known?.fact ?? null,
      });
    }
    for (const command of effects.commands) {
      this.#run(command);
    }
  }

  #run(command: Command): void {
    const text = JSON.stringify({ ...command, metadata: null });
    if (this.#keys.has(command.key)) {
      throw new Error(`key used twice: ${command.key} ${text} ${this.#keys.get(command.key)}`);
    }
    this.#keys.set(command.key, text);
    if (command.amount < 1 || !Number.isSafeInteger(command.amount)) {
      throw new Error(`amount not allowed: ${text}`);
    }
    if (command.do === 'issue' || command.do === 'rollover') {
      const { accountId, amount } = command;
      this.grants.set(command.key, { accountId, amount, reversed: 0 });
      return;
    }
    const grant = this.grants.get(command.grantKey);
    if (grant === undefined) {
      throw new Error(`no such grant: ${text}`);
    }
    grant.reversed += command.do === 'reverse' ? command.amount : -command.amount;
    if (grant.reversed < 0 || grant.reversed > grant.amount) {
      throw new Error(`reversed out of range: ${text}`);
    }
  }
}

/** JSON whose keys are in order, however the object was built. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inside) =>
    typeof inside === 'object' && inside !== null && !Array.isArray(inside)
      ? Object.fromEntries(Object.entries(inside).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inside,
  );
}
