import type { AdminAccount, AdminEntry } from '../../src/contract/index.ts';
import { usePages } from '../../src/react/index.ts';
import {
  formatCredits,
  formatInstant,
  formatSigned,
  humanize,
  humanizeWithin,
} from '../frame/format.ts';
import { ShowOlder } from '../frame/show-older.tsx';

type Marking = { marked: string | null; onMark: (grantId: string | null) => void };

/** Every entry, newest first, with the grants that paid for it. */
export function LedgerTable(
  props: { first: AdminAccount; more: (cursor: string) => Promise<AdminAccount> } & Marking,
) {
  const { first, more, marked, onMark } = props;
  const pages = usePages(first, ({ entries }) => entries, more);
  const entries = pages.items;

  if (entries.length === 0) {
    return <p className="soft">No entries.</p>;
  }
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard. */}
      <section className="wide" tabIndex={0} aria-label="Ledger entries, newest first">
        <table className="grid">
          <thead>
            <tr>
              <th scope="col" className="end">
                No.
              </th>
              <th scope="col">When</th>
              <th scope="col">Entry</th>
              <th scope="col" className="end">
                Amount
              </th>
              <th scope="col" className="end">
                Posted after
              </th>
              <th scope="col">Paid by</th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry) => (
              <tr key={entry.entryNo} data-open={touches(entry, marked) ? '' : undefined}>
                <td className="number end soft">{entry.entryNo}</td>
                <td className="number">{formatInstant(entry.createdAt)}</td>
                <th scope="row">
                  {humanize(entry.kind)}
                  {entry.reason === null ? null : (
                    <span className="soft"> · {humanizeWithin(entry.reason)}</span>
                  )}
                  <ByHand {...entry} />
                  <span className="block soft mono">{entry.idempotencyKey}</span>
                </th>
                <td className="number end">{formatSigned(entry.amount)}</td>
                <td className="number end">{formatCredits(entry.postedAfter)}</td>
                <td>
                  <PaidBy entry={entry} marked={marked} onMark={onMark} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <ShowOlder {...pages} />
    </>
  );
}

/** Who made a change by hand, and what they noted for other operators. */
export function ByHand(made: { actor: string | null; internalNote: string | null }) {
  const { actor, internalNote } = made;
  return (
    <>
      {actor === null ? null : (
        <span className="block soft" title={actor}>
          by {actorName(actor)}
        </span>
      )}
      {internalNote === null ? null : (
        <span className="block soft">Internal note: {internalNote}</span>
      )}
    </>
  );
}

/** An operator is recorded by the id of their account. */
export function actorName(actor: string): string {
  return /^[0-9a-f-]{36}$/.test(actor) ? `operator ${actor.slice(0, 8)}…` : actor;
}

function PaidBy({ entry, marked, onMark }: { entry: AdminEntry } & Marking) {
  if (entry.allocations.length === 0) {
    return <span className="soft">–</span>;
  }
  return (
    <ul className="number">
      {entry.allocations.map(({ grantId, amount, reason }) => (
        <li key={grantId ?? 'debt'}>
          <span className="number">{formatCredits(amount)}</span>{' '}
          {grantId === null ? (
            'debt'
          ) : (
            <button
              type="button"
              className="link number"
              aria-pressed={grantId === marked}
              onClick={() => onMark(grantId === marked ? null : grantId)}
            >
              {humanize(reason ?? grantId.slice(0, 8))}
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}

function touches(entry: AdminEntry, grantId: string | null): boolean {
  return (
    grantId !== null &&
    (entry.grantId === grantId || entry.allocations.some((each) => each.grantId === grantId))
  );
}
