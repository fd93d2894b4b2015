import type { Answer, Answers, Details, Need } from '../fulfillment/index.ts';
import { FlorinError, type Logger } from '../kernel/index.ts';
import type { StripeLookups } from '../stripe/index.ts';

/** At most so many questions to Stripe for one event: an invoice of thousands of unknown prices ends here. */
const MAX_QUESTIONS = 40;

/** Milliseconds that Stripe may take for all answers together: the delivery itself waits for ours. */
const BUDGET_MS = 10_000;

/** The answers that one decision has collected so far. */
export type CollectedDetails = Details & {
  /** Asks Stripe and remembers the answer; `unavailable` where it cannot be had now. */
  ask(need: Need): Promise<void>;
  /** Waits for another answer of Stripe's, in the same time; raises what it raises. */
  within<T>(answer: Promise<T>): Promise<T | 'unavailable'>;
  /** Forgets what a subscription was: somebody wrote meanwhile, perhaps by a newer answer. */
  forgetSubscriptions(): void;
};

export function collectDetails(stripe: StripeLookups | null, logger: Logger): CollectedDetails {
  const answers = new Map<string, Answer<unknown>>();
  let budget = BUDGET_MS;
  const timed = async <T>(answer: Promise<T>): Promise<T | 'unavailable'> => {
    const started = performance.now();
    try {
      return await within(budget, answer);
    } finally {
      budget -= performance.now() - started;
    }
  };
  return {
    get: <K extends Need['ask']>(ask: K, id: string) =>
      answers.get(`${ask}:${id}`) as Answer<Answers[K]> | undefined,
    async ask(need) {
      const exhausted = answers.size >= MAX_QUESTIONS || budget <= 0;
      const answer =
        stripe === null || exhausted ? 'unavailable' : await timed(answerOf(stripe, need, logger));
      answers.set(`${need.ask}:${need.id}`, answer);
    },
    within: timed,
    forgetSubscriptions() {
      for (const key of [...answers.keys()].filter((one) => one.startsWith('subscription:'))) {
        answers.delete(key);
      }
    },
  };
}

/** `unavailable` when the answer takes longer; what still comes then is dropped. */
async function within<T>(milliseconds: number, answer: Promise<T>): Promise<T | 'unavailable'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'unavailable'>((resolve) => {
    timer = setTimeout(() => resolve('unavailable'), milliseconds);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function answerOf(
  stripe: StripeLookups,
  need: Need,
  logger: Logger,
): Promise<Answer<unknown>> {
  try {
    return await lookUp(stripe, need);
  } catch (error) {
    const code = error instanceof FlorinError ? error.code : 'internal';
    const message = error instanceof Error ? error.message : String(error);
    logger.warn({ ask: need.ask, id: need.id, code, error: message }, 'stripe lookup failed');
    return 'unavailable';
  }
}

function lookUp(stripe: StripeLookups, need: Need): Promise<unknown> {
  switch (need.ask) {
    case 'sessionLines':
      return stripe.sessionLines(need.id);
    case 'invoiceLines':
      return stripe.invoiceLines(need.id);
    case 'invoiceOfPayment':
      return stripe.invoiceOfPayment(need.id);
    case 'sessionOfSubscription':
      return stripe.sessionOf({ subscriptionId: need.id });
    case 'subscription':
      return stripe.subscription(need.id);
    case 'customer':
      return stripe.customer(need.id);
    case 'price':
      return stripe.price(need.id);
    case 'refund':
      return stripe.refund(need.id);
  }
}
