import { type ApiError, invalid, missingParameter } from './errors.ts';
import type { Params } from './params.ts';

/** https://docs.stripe.com/currencies#presentment-currencies */
const CURRENCIES: ReadonlySet<string> = new Set(
  'usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl hrk htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw'.split(
    ' ',
  ),
);

/** The least that may be charged, in the smallest unit: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts */
const LEAST: Readonly<Record<string, number>> = {
  aed: 200,
  aud: 50,
  bgn: 100,
  brl: 50,
  cad: 50,
  chf: 50,
  czk: 1500,
  dkk: 250,
  eur: 50,
  gbp: 30,
  hkd: 400,
  huf: 17_500,
  inr: 50,
  jpy: 50,
  mxn: 1000,
  myr: 200,
  nok: 300,
  nzd: 50,
  pln: 200,
  ron: 200,
  sek: 300,
  sgd: 50,
  thb: 1000,
  usd: 50,
};

const WITHOUT_DECIMALS: ReadonlySet<string> = new Set(
  'bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf'.split(' '),
);

/** How many digits an amount has behind the point. */
export function digitsOf(currency: string): number {
  return WITHOUT_DECIMALS.has(currency) ? 0 : 2;
}

export function refuseUnknownCurrency(currency: string, param: string): void {
  if (!CURRENCIES.has(currency.toLowerCase())) {
    throw invalid(
      `Invalid currency: ${currency}. Stripe currently supports these currencies: ${[...CURRENCIES].join(', ')}`,
      { param },
    );
  }
}

/** The least that may be charged; 0 where Stripe names none. */
export function leastOf(currency: string): number {
  return LEAST[currency] ?? 0;
}

/** An amount in the smallest unit with its sign: `$5.00`. */
export function shownAmount(amount: number, currency: string): string {
  const digits = digitsOf(currency);
  return new Intl.NumberFormat('en', {
    style: 'currency',
    currency: currency.toUpperCase(),
    currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(amount / 10 ** digits);
}

/** The refusal of an amount that no card network would take; undefined where it is enough. */
export function tooSmall(
  amount: number,
  currency: string,
  told: { what: string; param?: string },
): ApiError | undefined {
  const least = LEAST[currency];
  if (least === undefined || amount >= least) {
    return undefined;
  }
  return invalid(`${told.what} must be at least ${shownAmount(least, currency)} ${currency}`, {
    code: 'amount_too_small',
    ...(told.param === undefined ? {} : { param: told.param }),
  });
}

/** The most that may be charged, in the smallest unit. */
export const MAX_AMOUNT = 99_999_999;

/** `amount` and `currency` of a payment: what Stripe would charge at all. */
export function readAmount(
  params: Params,
  before?: { amount: number; currency: string },
): { amount: number; currency: string } {
  const amount = params.integer('amount') ?? before?.amount;
  const currency = params.text('currency')?.toLowerCase() ?? before?.currency;
  if (amount === undefined) {
    throw missingParameter('amount');
  }
  if (amount < 1) {
    throw invalid('Invalid positive integer', {
      param: 'amount',
      code: 'parameter_invalid_integer',
    });
  }
  if (currency === undefined) {
    throw missingParameter('currency');
  }
  if (amount > MAX_AMOUNT) {
    const most = shownAmount(MAX_AMOUNT, currency);
    throw invalid(`Amount must be no more than ${most}`, {
      param: 'amount',
      code: 'amount_too_large',
    });
  }
  const small = tooSmall(amount, currency, { what: 'Amount', param: 'amount' });
  if (small !== undefined) {
    throw small;
  }
  return { amount, currency };
}
