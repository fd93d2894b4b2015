import type { BalanceReport, LiveGrant } from '../../src/browser/index.ts';
import type { Loaded } from '../../src/react/index.ts';
import { classes } from '../frame/button.tsx';
import { credits, formatCredits, formatDay, formatRelative, humanize } from '../frame/format.ts';
import { LoadFailed } from '../frame/notice.tsx';

const SOON_MS = 7 * 86_400_000;

/** What expires when: the grants that still have credits, in the order in which they are used. */
export function ExpiryList({ report }: { report: Loaded<BalanceReport> }) {
  return (
    <section className="part expiry-part" aria-labelledby="expiry-title">
      <h2 id="expiry-title">What expires when</h2>
      {report.data === null ? (
        <Pending report={report} />
      ) : report.data.grants.length === 0 ? (
        <p className="soft">Nothing: there are no credits that could expire.</p>
      ) : (
        <ul className="rows">
          {report.data.grants.map((grant) => (
            <GrantRow key={grant.grantId} grant={grant} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Pending({ report }: { report: Loaded<BalanceReport> }) {
  return report.status === 'error' ? (
    <LoadFailed what="Your grants" error={report.error} retry={report.reload} />
  ) : (
    <div role="status">
      <span className="visually-hidden">Loading</span>
      <span className="skeleton" />
    </div>
  );
}

function GrantRow({ grant }: { grant: LiveGrant }) {
  const now = Date.now();
  const waits = Date.parse(grant.effectiveAt) > now;
  const soon = grant.expiresAt !== null && Date.parse(grant.expiresAt) - now < SOON_MS;
  return (
    <li>
      <span>{humanize(grant.reason ?? grant.source)}</span>
      <span className="remaining number">{credits(grant.remaining)}</span>
      <span className={classes('small', soon ? 'soon' : 'soft')}>
        {waits ? `Usable from ${formatDay(grant.effectiveAt)}. ` : ''}
        {grant.expiresAt === null
          ? 'Never expires'
          : `Expires ${formatRelative(grant.expiresAt, now)}, ${formatDay(grant.expiresAt)}`}
      </span>
      <span className="small soft number">of {formatCredits(grant.amount)}</span>
      <svg className="gauge" viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true">
        <rect className="track" width="100" height="3" />
        <rect
          className="fill"
          width={(100 * Number(grant.remaining)) / Number(grant.amount)}
          height="3"
        />
      </svg>
    </li>
  );
}
