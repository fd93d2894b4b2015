import { isSessionOf } from '../customers/index.ts';
import type { Row } from '../db/index.ts';
import { FlorinError } from '../kernel/index.ts';
import { explainStripe, idOf, isUnknownToStripe, type StripeClient } from '../stripe/index.ts';
import type { CheckoutDeps } from './deps.ts';

/**
 * `open`: not finished by the buyer. `processing`: paid, and the credits are not written yet.
 * `pending`: a payment method that takes days is on its way. `paid`: the credits are there.
 */
export type CheckoutState = 'open' | 'processing' | 'pending' | 'paid' | 'failed' | 'expired';

export type CheckoutStatus = {
  readonly sessionId: string;
  readonly state: CheckoutState;
  readonly priceId: string | null;
  readonly planType: string | null;
  /** What the ledger got for it, or else what the catalogue promises. */
  readonly credits: number | null;
};

/** A checkout whose money is there: what the ledger should have heard of. */
export type PaidSession = {
  readonly sessionId: string;
  readonly invoiceId: string | null;
  readonly createdAt: Date;
};

/** Processes what Stripe says about a paid checkout, by the way of the webhooks. */
export type CatchUpSession = (session: PaidSession, stripe: StripeClient) => Promise<void>;

/** Sessions as Stripe has shown them a moment ago, by id: a page asks every second. */
export type RecentSessions = (
  sessionId: string,
  ask: () => Promise<Session | undefined>,
) => Promise<Session | undefined>;

type Session = Awaited<ReturnType<StripeClient['checkout']['sessions']['retrieve']>>;
type Credited = { readonly status: string; readonly credits: number };

const SESSION_ID = /^cs_[A-Za-z0-9_]{1,250}$/;

/**
 * What became of a checkout, asked of Stripe and the ledger. A paid one whose webhook is late is
 * processed first, by `catchUp`. Throws `not_found`, without asking Stripe, for a session that is not
 * known to be the account's; `stripe_unavailable`, `rate_limited`.
 */
export async function readCheckoutStatus(
  deps: CheckoutDeps & { catchUp: CatchUpSession; recent: RecentSessions },
  { accountId, sessionId }: { accountId: string; sessionId: string },
): Promise<CheckoutStatus> {
  const isOwn =
    SESSION_ID.test(sessionId) && (await isSessionOf(deps.db, { accountId, sessionId }));
  const session = isOwn
    ? await deps.recent(sessionId, () => findSession(deps, sessionId))
    : undefined;
  if (session === undefined) {
    throw new FlorinError('not_found', 'There is no such checkout of this account.');
  }
  const answer = (state: CheckoutState, credited?: Credited): CheckoutStatus => ({
    sessionId: session.id,
    state,
    ...describe(deps, session, credited),
  });
  // The ledger first: what Stripe showed is a moment old.
  const before = await readCredited(deps, session);
  if (before?.status === 'credited') {
    return answer('paid', before);
  }
  if (session.status === 'open') {
    return answer('open');
  }
  if (session.status === 'expired') {
    return answer('expired');
  }
  if (session.payment_status === 'unpaid') {
    return answer(before?.status === 'failed' || hasFailed(session) ? 'failed' : 'pending');
  }
  if (session.payment_status === 'no_payment_required' && session.mode === 'subscription') {
    // A free trial: there may be nothing to credit.
    return answer('paid', before);
  }
  await deps.catchUp(toPaid(session), deps.stripe);
  const after = await readCredited(deps, session);
  return after?.status === 'credited' ? answer('paid', after) : answer('processing');
}

async function findSession({ stripe }: CheckoutDeps, id: string): Promise<Session | undefined> {
  try {
    return await stripe.checkout.sessions.retrieve(id, { expand: ['payment_intent'] });
  } catch (error) {
    if (isUnknownToStripe(error)) {
      return undefined;
    }
    throw explainStripe(error);
  }
}

function describe(
  { catalog }: CheckoutDeps,
  session: Session,
  credited: Credited | undefined,
): Pick<CheckoutStatus, 'priceId' | 'planType' | 'credits'> {
  const { priceId, planType, quantity } = session.metadata ?? {};
  const price = priceId === undefined ? undefined : catalog.find({ priceId });
  const promised = price === undefined ? null : price.credits * Number(quantity ?? 1);
  return {
    priceId: priceId ?? null,
    planType: planType ?? price?.planType ?? null,
    credits: credited === undefined || credited.credits === 0 ? promised : credited.credits,
  };
}

function hasFailed({ payment_intent: intent }: Session): boolean {
  return (
    typeof intent === 'object' &&
    intent !== null &&
    (intent.status === 'canceled' || intent.status === 'requires_payment_method')
  );
}

function toPaid(session: Session): PaidSession {
  return {
    sessionId: session.id,
    invoiceId: idOf(session.invoice),
    createdAt: new Date(session.created * 1000),
  };
}

/** A subscription's first period is credited by its invoice, a pack by its session. */
async function readCredited({ db }: CheckoutDeps, session: Session): Promise<Credited | undefined> {
  const name = session.mode === 'subscription' ? idOf(session.invoice) : session.id;
  const rows = await db.query<Row & Credited>(
    {
      name: 'billing_credited_of',
      text: `select p.status, coalesce(sum(u.credits), 0)::bigint as credits
               from billing.payment_aliases a
               join billing.payments p on p.payment_id = a.payment_id
               left join billing.purchases u
                 on u.payment_id = p.payment_id and u.source <> 'rollover'
              where a.alias = $1
              group by p.payment_id, p.status`,
    },
    [name],
  );
  return rows[0];
}
