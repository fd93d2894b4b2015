import { createHash } from 'node:crypto';
import { type Catalog, type CatalogPrice, forSale } from '../catalog/index.ts';
import { FlorinError, isStorableText } from '../kernel/index.ts';
import type { PlanSession } from '../plan-session/index.ts';

/** What a buyer asks for, before any of it is believed. */
export type CheckoutRequest = {
  readonly accountId: string;
  /** Who buys; absent: the user whose account it is. */
  readonly userId?: string | undefined;
  readonly email?: string | undefined;
  readonly priceId?: string | undefined;
  /** What the page believes the price's plan type to be; refused when it is another. */
  readonly planType?: string | undefined;
  readonly quantity?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** A plan session's token. */
  readonly planSession?: string | undefined;
};

/** What will be bought: the catalogue's price, a whole quantity, and notes that say nothing about money. */
export type Choice = {
  readonly price: CatalogPrice;
  readonly quantity: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** The user who buys for an account that several share. */
  readonly boughtBy: string | undefined;
  /** Equal for equal choices: what makes a second click the same checkout. */
  readonly fingerprint: string;
};

/** Stripe allows 50 keys; ours take some of them. */
const MAX_METADATA_KEYS = 20;
const MAX_KEY = 40;
const MAX_VALUE = 500;
const KEY = /^[A-Za-z0-9][\w.-]*$/;
/** Who is credited, for what, and how much: never said by a buyer, in whatever spelling. */
const RESERVED =
  /^(user|boughtby|account|customer|supabaseuser|clientreference)(id)?$|^(plan|plantype|price|priceid|product|productid|credits?|quantity|amount|currency|reason|source|mode)$|^(florin|stripe|supabase)/;

/** Checks a request against the catalogue. Throws `price_unknown`, `plan_session_invalid` or `invalid_input`. */
export function toChoice(
  catalog: Catalog,
  request: CheckoutRequest,
  planSession: PlanSession | undefined,
): Choice {
  const price = findPrice(catalog, request, planSession);
  if (request.planType !== undefined && request.planType !== price.planType) {
    throw invalid(`planType: ${price.id} is of the plan type ${price.planType}. Leave it out.`);
  }
  const quantity = request.quantity ?? 1;
  const most = catalog.checkout.maxQuantity;
  if (!Number.isSafeInteger(quantity) || quantity < 1 || quantity > most) {
    throw invalid(`quantity: must be a whole number from 1 to ${most}.`);
  }
  const metadata = checkMetadata({ ...planSession?.metadata, ...request.metadata });
  const boughtBy = request.userId === request.accountId ? undefined : request.userId;
  const choice = { price, quantity, metadata, boughtBy };
  return { ...choice, fingerprint: fingerprintOf(choice) };
}

function findPrice(
  catalog: Catalog,
  request: CheckoutRequest,
  planSession: PlanSession | undefined,
): CatalogPrice {
  const asked = request.priceId === undefined ? undefined : forSale(catalog, request.priceId);
  const chosen = planSession === undefined ? undefined : forSale(catalog, planSession.priceId);
  if (asked !== undefined && chosen !== undefined && asked.id !== chosen.id) {
    throw invalid(`priceId: the plan session is for ${chosen.id}, not for ${asked.id}.`);
  }
  const price = asked ?? chosen;
  if (price === undefined) {
    throw invalid('priceId: say which price to buy, or pass a plan session.');
  }
  return price;
}

/** Checks what a page wants to note beside a purchase. Throws `invalid_input`. */
export function checkMetadata(
  metadata: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const entries = Object.entries(metadata);
  if (entries.length > MAX_METADATA_KEYS) {
    throw invalid(`metadata: at most ${MAX_METADATA_KEYS} keys.`);
  }
  for (const [key, value] of entries) {
    if (key.length > MAX_KEY || !KEY.test(key)) {
      throw invalid(
        `metadata: keys hold up to ${MAX_KEY} letters, digits, and _ . - only; not ${JSON.stringify(key.slice(0, MAX_KEY))}.`,
      );
    }
    if (RESERVED.test(key.toLowerCase().replaceAll(/[^a-z0-9]/g, ''))) {
      throw invalid(`metadata.${key}: this key is the service's own. Use another name.`);
    }
    if (value.length > MAX_VALUE) {
      throw invalid(`metadata.${key}: at most ${MAX_VALUE} characters.`);
    }
    if (!isStorableText(value)) {
      throw invalid(`metadata.${key}: must be well-formed Unicode without NUL.`);
    }
  }
  return metadata;
}

function fingerprintOf(choice: Omit<Choice, 'fingerprint'>): string {
  const { price, quantity, metadata, boughtBy } = choice;
  const notes = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([
    price.id,
    quantity,
    notes,
    ...(boughtBy === undefined ? [] : [boughtBy]),
  ]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}

function invalid(message: string): FlorinError {
  return new FlorinError('invalid_input', message);
}
