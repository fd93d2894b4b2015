import { useState } from 'react';
import { FlorinClientError, type Plan } from '../../src/browser/index.ts';
import { useCheckout, useFlorin, usePlanSession } from '../../src/react/index.ts';
import { onAppOrigin } from '../frame/frame.tsx';
import { useSession, useSite } from '../session/context.tsx';

export type Purchase = {
  /** The plan that stays chosen on this page, verified or just clicked. */
  readonly chosenId: string | null;
  readonly busyId: string | null;
  readonly failed: { readonly priceId: string | null; readonly error: unknown } | null;
  /** The plan that waits for its buyer to sign in. */
  readonly waiting: Plan | null;
  /** How many of a pack: a whole number from 1. A subscription is always one. */
  quantityOf(plan: Plan): number;
  setQuantity(plan: Plan, quantity: number): void;
  choose(plan: Plan): Promise<void>;
  signedIn(): Promise<void>;
  stopWaiting(): void;
  putBack(): Promise<void>;
};

/** Choose → remember → sign in where needed → checkout; across domains by a hand-off. */
export function usePurchase(): Purchase {
  const client = useFlorin();
  const { config } = useSite();
  const session = useSession();
  const planSession = usePlanSession();
  const checkout = useCheckout();
  const [clickedId, setClickedId] = useState<string | null>(null);
  const [leavingId, setLeavingId] = useState<string | null>(null);
  const [refused, setRefused] = useState<Purchase['failed']>(null);
  const [waiting, setWaiting] = useState<Plan | null>(null);
  const [quantities, setQuantities] = useState<Readonly<Record<string, number>>>({});

  const hint = planSession.data === null ? client.planHint() : null;
  const starting = checkout.state === 'starting' || checkout.state === 'leaving';

  const chosenId = clickedId ?? planSession.data?.priceId ?? hint?.priceId ?? null;

  function quantityOf({ priceId, kind }: Plan): number {
    const handedOn = priceId === chosenId ? quantityInAddress() : 1;
    return kind === 'one_time' ? (quantities[priceId] ?? handedOn) : 1;
  }

  async function toCheckout(plan: Plan): Promise<void> {
    await checkout.start({
      priceId: plan.priceId,
      quantity: quantityOf(plan),
      planSession: client.planToken(),
    });
  }

  async function choose(plan: Plan): Promise<void> {
    const { priceId } = plan;
    setRefused(null);
    checkout.reset();
    setClickedId(priceId);
    const here = onAppOrigin(config.appUrl);
    if (session === null && here) {
      setWaiting(plan);
    }
    try {
      await planSession.remember(priceId);
      if (!here) {
        setLeavingId(priceId);
        const there = new URL('/pricing.html', config.appUrl);
        if (quantityOf(plan) > 1) {
          there.searchParams.set('quantity', String(quantityOf(plan)));
        }
        window.location.assign(await client.handOff(there.href));
      } else if (session !== null) {
        await toCheckout(plan);
      }
    } catch (error) {
      setLeavingId(null);
      setWaiting(null);
      setRefused({ priceId, error });
    }
  }

  return {
    chosenId,
    busyId: leavingId ?? (starting ? checkout.priceId : null),
    failed:
      refused ??
      (checkout.state === 'error' ? { priceId: checkout.priceId, error: checkout.error } : null),
    waiting,
    quantityOf,
    setQuantity: ({ priceId }, quantity) =>
      setQuantities((known) => ({ ...known, [priceId]: quantity })),
    choose,
    async signedIn() {
      const plan = waiting;
      setWaiting(null);
      if (plan !== null) {
        await toCheckout(plan);
      }
    },
    stopWaiting: () => setWaiting(null),
    async putBack() {
      setClickedId(null);
      setRefused(null);
      checkout.reset();
      // Forgotten here in any case; the cookie ends by itself.
      await planSession.forget().catch(() => {});
    },
  };
}

/** What was chosen on the other domain; the service checks it again. */
function quantityInAddress(): number {
  const quantity = Number(new URLSearchParams(window.location.search).get('quantity') ?? '1');
  return Number.isSafeInteger(quantity) && quantity >= 1 ? quantity : 1;
}

/** True when the buyer has a subscription and should change it rather than buy a second one. */
export function isAlreadySubscribed(error: unknown): boolean {
  return error instanceof FlorinClientError && error.code === 'already_subscribed';
}
