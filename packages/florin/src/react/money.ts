/** Credits as the service answers them: a decimal text where they are not whole. */
type Amount = number | string;

/** Currencies that Stripe counts in whole units (docs.stripe.com/currencies, "Zero-decimal"). */
const NO_DECIMALS = new Set(
  'bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' '),
);

/** Currencies that Stripe counts in thousandths (same page, "Three-decimal"). */
const THREE_DECIMALS = new Set('bhd jod kwd omr tnd'.split(' '));

/**
 * Money as the reader writes it, whole amounts without decimals ("$9", "$9.50"). The scale is
 * Stripe's own, which differs from ISO 4217 for a few currencies (ISK, UGX, MGA).
 */
export function formatMoney(amountMinor: number, currency: string, locale?: string): string {
  const { code, decimals, amount } = scaled(amountMinor, currency);
  const least = Number.isInteger(amount) ? 0 : decimals;
  return format(amount, { code, least, most: decimals, locale });
}

/** Money in a column of amounts: with its decimals, and a real minus sign below zero ("−$4.00"). */
export function formatAmount(amountMinor: number, currency: string, locale?: string): string {
  const { code, decimals, amount } = scaled(Math.abs(amountMinor), currency);
  const text = format(amount, { code, least: decimals, most: decimals, locale });
  return amountMinor < 0 ? `−${text}` : text;
}

/** The price of one credit, with as many decimals as it takes to tell two plans apart. */
export function formatUnitPrice(
  price: { amountMinor: number; currency: string; credits: Amount },
  locale?: string,
): string {
  const { code, decimals, amount: paid } = scaled(price.amountMinor, price.currency);
  const amount = paid / Number(price.credits);
  const most = amount < 1 ? decimals + 1 : decimals;
  return format(amount, { code, least: decimals, most, locale });
}

function scaled(amountMinor: number, currency: string) {
  const code = currency.toLowerCase();
  const decimals = NO_DECIMALS.has(code) ? 0 : THREE_DECIMALS.has(code) ? 3 : 2;
  return { code, decimals, amount: amountMinor / 10 ** decimals };
}

function format(
  amount: number,
  how: { code: string; least: number; most: number; locale: string | undefined },
): string {
  return new Intl.NumberFormat(how.locale, {
    style: 'currency',
    currency: how.code,
    minimumFractionDigits: how.least,
    maximumFractionDigits: how.most,
  }).format(amount);
}

/** Credits have so many decimals at most, whatever the catalogue. */
const MAX_DECIMALS = 6;

/** `1,250`, `0.25`, and below zero with a real minus sign: `−12`. A decimal text keeps all its digits. */
export function formatCredits(amount: Amount, locale?: string): string {
  const text = String(amount) as Intl.StringNumericLiteral;
  const digits = new Intl.NumberFormat(locale, {
    maximumFractionDigits: MAX_DECIMALS,
    signDisplay: 'never',
  }).format(typeof amount === 'number' ? amount : text);
  return Number(amount) < 0 ? `−${digits}` : digits;
}

/** Amounts added up for the reader, to the last decimal that credits may have. */
export function addCredits(...amounts: readonly Amount[]): number {
  const sum = amounts.reduce<number>((total, one) => total + Number(one), 0);
  return Number(sum.toFixed(MAX_DECIMALS));
}
