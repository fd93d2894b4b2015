import type { AdminGrant, AdminHold } from '../../src/contract/index.ts';
import { formatCredits, formatInstant, humanize } from '../frame/format.ts';
import { ByHand } from './ledger-table.tsx';

const PARTS = ['burned', 'reversed', 'expired', 'voided', 'moved', 'remaining'] as const;

const PART_NAMES: Readonly<Record<(typeof PARTS)[number], string>> = {
  burned: 'used or held',
  reversed: 'taken back',
  expired: 'expired',
  voided: 'voided',
  moved: 'in other accounts',
  remaining: 'left',
};

/** Grants with where each of their credits is now. */
export function GrantTable(props: {
  grants: readonly AdminGrant[];
  marked: string | null;
  onMark: (grantId: string | null) => void;
}) {
  const { grants, marked, onMark } = props;
  if (grants.length === 0) {
    return <p className="soft">No credits were ever given.</p>;
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard.
    <section className="wide" tabIndex={0} aria-label="Table of grants">
      <table className="grid">
        <thead>
          <tr>
            <th scope="col">Grant</th>
            <th scope="col">Given</th>
            <th scope="col">Expires</th>
            <th scope="col" className="end">
              Amount
            </th>
            <th scope="col" className="end">
              Left
            </th>
            <th scope="col">Where its credits are</th>
          </tr>
        </thead>
        <tbody>
          {grants.map((grant) => (
            <tr key={grant.grantId} data-open={grant.grantId === marked ? '' : undefined}>
              <th scope="row">
                <button
                  type="button"
                  className="link"
                  aria-pressed={grant.grantId === marked}
                  onClick={() => onMark(grant.grantId === marked ? null : grant.grantId)}
                >
                  {humanize(grant.reason ?? grant.source)}
                </button>
                <span className="block soft mono">{sourceOf(grant)}</span>
                <ByHand {...grant} />
              </th>
              <td className="number">{formatInstant(grant.createdAt)}</td>
              <td>{grant.expiresAt === null ? 'Never' : formatInstant(grant.expiresAt)}</td>
              <td className="number end">{formatCredits(grant.amount)}</td>
              <td className="number end">{formatCredits(grant.remaining)}</td>
              <td>
                <GrantBar grant={grant} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function GrantBar({ grant }: { grant: AdminGrant }) {
  let at = 0;
  const parts = PARTS.filter((part) => Number(grant[part]) > 0).map((part) => {
    const from = at;
    const amount = Number(grant[part]);
    at += amount;
    return { part, from, amount };
  });
  const text = parts.map(({ part, amount }) => `${formatCredits(amount)} ${PART_NAMES[part]}`);
  return (
    <>
      <svg className="parts" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        {parts.map(({ part, from, amount }) => (
          <rect
            key={part}
            data-part={part}
            x={(100 * from) / Number(grant.amount)}
            width={(100 * amount) / Number(grant.amount)}
            height="4"
          />
        ))}
      </svg>
      <span className="small soft">{text.join(', ')}</span>
    </>
  );
}

function sourceOf({ metadata, source }: AdminGrant): string {
  const payment = metadata['stripe_payment_id'];
  return typeof payment === 'string' ? payment : source;
}

export function HoldTable({ holds }: { holds: readonly AdminHold[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard.
    <section className="wide" tabIndex={0} aria-label="Table of holds">
      <table className="grid">
        <thead>
          <tr>
            <th scope="col">Hold</th>
            <th scope="col">Status</th>
            <th scope="col">Placed</th>
            <th scope="col">Expires</th>
            <th scope="col" className="end">
              Amount
            </th>
            <th scope="col" className="end">
              Captured
            </th>
          </tr>
        </thead>
        <tbody>
          {holds.map((hold) => (
            <tr key={hold.holdId}>
              <th scope="row" className="mono">
                {hold.holdId}
              </th>
              <td>{hold.status}</td>
              <td className="number">{formatInstant(hold.createdAt)}</td>
              <td className="number">{formatInstant(hold.expiresAt)}</td>
              <td className="number end">{formatCredits(hold.amount)}</td>
              <td className="number end">
                {hold.captured === null ? '–' : formatCredits(hold.captured)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
