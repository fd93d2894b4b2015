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
  const code = currency.toLowerCase();
  const decimals = NO_DECIMALS.has(code) ? 0 : THREE_DECIMALS.has(code) ? 3 : 2;
  const amount = amountMinor / 10 ** decimals;
  const whole = Number.isInteger(amount);
  return new Intl.NumberFormat(locale, {
    style: 'currency',
    currency: code,
    minimumFractionDigits: whole ? 0 : decimals,
    maximumFractionDigits: decimals,
  }).format(amount);
}

/** The price of one credit, with as many decimals as it takes to tell two plans apart. */
export function formatUnitPrice(
  price: { amountMinor: number; currency: string; credits: number },
  locale?: string,
): string {
  const code = price.currency.toLowerCase();
  const decimals = NO_DECIMALS.has(code) ? 0 : THREE_DECIMALS.has(code) ? 3 : 2;
  const amount = price.amountMinor / 10 ** decimals / price.credits;
  return new Intl.NumberFormat(locale, {
    style: 'currency',
    currency: code,
    minimumFractionDigits: decimals,
    maximumFractionDigits: amount < 1 ? decimals + 1 : decimals,
  }).format(amount);
}

/** `1,250`, and below zero with a real minus sign: `−12`. */
export function formatCredits(amount: number, locale?: string): string {
  const digits = Math.abs(amount).toLocaleString(locale);
  return amount < 0 ? `−${digits}` : digits;
}
