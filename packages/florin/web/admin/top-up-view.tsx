import type { AdminTopUps } from '../../src/contract/index.ts';
import { formatMoney } from '../../src/react/index.ts';
import { credits, formatInstant, humanize, times } from '../frame/format.ts';

/** "Why was my card charged?", and why it was not: what was agreed to, and each top-up. */
export function TopUpView({ topUp }: { topUp: AdminTopUps }) {
  const { consent, topUps } = topUp;
  if (consent === null) {
    return null;
  }
  return (
    <section className="part" aria-labelledby="top-up-title">
      <h3 id="top-up-title">Auto top-up</h3>
      <p>
        <strong>{humanize(consent.status)}</strong>
        {consent.pauseReason === null ? '' : ` (${humanize(consent.pauseReason).toLowerCase()})`}.
        Below {credits(consent.threshold)}, {credits(consent.credits)} for{' '}
        {formatMoney(consent.amountMinor, consent.currency)}, at most {times(consent.maxPerMonth)} a
        month; agreed {formatInstant(consent.consentedAt)}.{' '}
        <span className="soft">{consent.paymentMethod ?? 'No card saved.'}</span>
        {consent.notBefore === null ? null : (
          <span className="soft"> Not before {formatInstant(consent.notBefore)}.</span>
        )}
      </p>
      {topUps.length === 0 ? null : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard.
        <section className="wide" tabIndex={0} aria-label="Table of top-ups">
          <table className="grid">
            <thead>
              <tr>
                <th scope="col">Top-up</th>
                <th scope="col">Begun</th>
                <th scope="col" className="end">
                  Credits
                </th>
                <th scope="col" className="end">
                  Money
                </th>
                <th scope="col">Why not</th>
              </tr>
            </thead>
            <tbody>
              {topUps.map((one) => (
                <tr key={one.topUpId}>
                  <th scope="row">
                    {humanize(one.status)}
                    <span className="block soft mono">{one.invoiceId ?? 'no invoice yet'}</span>
                  </th>
                  <td className="number">{formatInstant(one.createdAt)}</td>
                  <td className="number end">{one.credits.toLocaleString()}</td>
                  <td className="number end">{formatMoney(one.amountMinor, one.currency)}</td>
                  <td>
                    {one.failureCode === null ? '' : humanize(one.failureCode)}
                    {one.failure === null ? null : (
                      <span className="block soft">{one.failure}</span>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}
