import { html, raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';

import { digitsOf } from '../api/money.ts';

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2433; --dim: #5b6477; --line: #d5d9e2; --paper: #fff;
  --back: #f4f5f8; --deep: #1f3fae; --bad: #a3172b; --good: #14663a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9ecf3; --dim: #a4adbf; --line: #3a4356;
  --paper: #1b2130; --back: #12161f; --deep: #9db4ff; --bad: #ff9aa8; --good: #7fe0a8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }
.narrow { max-width: 30rem; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 0.5rem;
  padding: 1.25rem; margin: 1rem 0; }
.banner { background: #fff3c9; color: #4d3b00; padding: 0.4rem 1rem; text-align: center;
  font-size: 0.875rem; }
h1 { font-size: 1.375rem; line-height: 1.25; margin: 0.5rem 0; }
h2 { font-size: 1.0625rem; margin: 0 0 0.5rem; }
.total { font-size: 2rem; font-weight: 650; font-variant-numeric: tabular-nums; margin: 0; }
.dim { color: var(--dim); } .num { font-variant-numeric: tabular-nums; text-align: right; }
.bad { color: var(--bad); } .good { color: var(--good); }
label { display: block; font-weight: 550; margin: 0.75rem 0 0.25rem; }
fieldset { border: 0; padding: 0; margin: 0.75rem 0; } legend { font-weight: 550; padding: 0; }
.choice { display: flex; gap: 0.6rem; align-items: baseline; font-weight: 400; margin: 0;
  padding: 0.5rem 0; border-bottom: 1px solid var(--line); }
input[type=text], input[type=email], input[type=number], input[type=password], select {
  width: 100%; font: inherit; color: inherit; background: var(--back);
  border: 1px solid var(--dim); border-radius: 0.375rem; padding: 0.55rem 0.65rem; }
button { font: inherit; font-weight: 600; border-radius: 0.375rem; padding: 0.6rem 1rem;
  border: 1px solid var(--deep); background: transparent; color: var(--deep); cursor: pointer;
  min-height: 2.75rem; }
button.main { background: #1f3fae; border-color: #1f3fae; color: #fff; width: 100%; margin-top: 1rem; }
button.small { padding: 0.2rem 0.6rem; min-height: 2rem; font-size: 0.875rem; }
.row { display: flex; gap: 0.5rem; align-items: end; flex-wrap: wrap; } .row > .grow { flex: 1; }
:focus-visible { outline: 3px solid var(--deep); outline-offset: 2px; }
.notice { border-left: 4px solid var(--bad); padding: 0.5rem 0.75rem; background: var(--back); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.9375rem; }
th, td { text-align: left; padding: 0.4rem 0.6rem 0.4rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; white-space: nowrap; }
th { font-weight: 550; color: var(--dim); } td form { display: inline-flex; gap: 0.3rem; }
td input[type=number] { width: 6rem; padding: 0.2rem 0.4rem; } code { font-size: 0.875em; }
a { color: var(--deep); } pre { margin: 0; font-size: 0.8125rem; }
`;

/** A whole page, on its own: no script, nothing fetched. */
export function document(
  title: string,
  body: Html,
  options: { narrow?: boolean; bare?: boolean } = {},
): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<aside class="banner" aria-label="Notice">Sandbox: no real money moves. Test cards only.</aside>
<main class="${options.narrow ? 'narrow' : ''}">${body}</main>
</body>
</html>`;
}

/** The page's policy: its own style, forms to itself and onward to the shop, nothing else. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** An amount in the smallest unit as people write it: `USD 5.00`, `JPY 500`. */
export function money(amount: number, currency: string): string {
  const digits = digitsOf(currency);
  return new Intl.NumberFormat('en', {
    style: 'currency',
    currency: currency.toUpperCase(),
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(amount / 10 ** digits);
}

/** An amount as it is typed into a box: `5.00`, `500` in yen; nothing for 0. */
export function asTyped(amount: number, currency: string): string {
  const digits = digitsOf(currency);
  return amount === 0 ? '' : (amount / 10 ** digits).toFixed(digits);
}

/** What was typed into a box in the smallest unit; undefined where it is no amount. */
export function typedAmount(text: string, currency: string): number | undefined {
  const digits = digitsOf(currency);
  const [, whole, part = ''] = /^\s*(\d{1,9})(?:\.(\d+))?\s*$/.exec(text) ?? [];
  return whole === undefined || part.length > digits
    ? undefined
    : Number(whole + part.padEnd(digits, '0'));
}

export function day(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ');
}

/** `1 month`, `3 months`. */
export function every(recurring: { interval: string; interval_count: number } | null): string {
  if (recurring === null) {
    return 'once';
  }
  const { interval, interval_count: count } = recurring;
  return count === 1 ? `per ${interval}` : `every ${count} ${interval}s`;
}
