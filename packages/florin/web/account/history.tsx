import type { Allocation, LiveGrant, Plan, Transaction } from '../../src/browser/index.ts';
import type { Transactions } from '../../src/react/index.ts';
import { classes } from '../frame/button.tsx';
import {
  formatCredits,
  formatDay,
  formatSigned,
  formatTime,
  humanize,
  humanizeWithin,
} from '../frame/format.ts';
import { LoadFailed } from '../frame/notice.tsx';
import { ShowOlder } from '../frame/show-older.tsx';
import { groupOperations, type Operation, titleOf } from './operations.ts';

type HistoryProps = {
  transactions: Transactions;
  /** The grants that still have credits; null while they are not known. */
  grants: readonly LiveGrant[] | null;
  /** What is on sale, for the names of plans. */
  plans: readonly Plan[];
};

/** Every change of the balance, newest first, by day and operation, with the grants that paid. */
export function History(props: HistoryProps) {
  return (
    <section className="part history-part" aria-labelledby="history-title">
      <div className="part-head">
        <h2 id="history-title">History</h2>
        {props.transactions.transactions.some(({ allocations }) => allocations.length > 0) ? (
          <p className="soft small">Open a line to see which credits paid for it.</p>
        ) : null}
      </div>
      <Content {...props} />
    </section>
  );
}

function Content({ transactions, grants, plans }: HistoryProps) {
  const { status, error, transactions: entries } = transactions;
  if (entries.length === 0) {
    if (status === 'error') {
      return <LoadFailed what="Your history" error={error} retry={transactions.reload} />;
    }
    return status === 'loading' ? (
      <div role="status">
        <span className="visually-hidden">Loading the history</span>
        <span className="skeleton" />
      </div>
    ) : (
      <div className="empty">
        <p>Nothing has happened yet. Your first purchase will be the first line.</p>
        <a className="button" href="/pricing.html">
          See plans and packs
        </a>
      </div>
    );
  }
  return (
    <>
      {groupOperations(entries, { humanize, dayOf: formatDay, planName: namesOf(plans) }).map(
        ({ day, operations }) => (
          <div key={day} className="day-group">
            <h3>{day}</h3>
            <ul>
              {operations.map((operation) => (
                <OperationItem key={operation.key} operation={operation} grants={grants} />
              ))}
            </ul>
          </div>
        ),
      )}
      <ShowOlder {...transactions} />
    </>
  );
}

/** Plans by their name in the shop; one that is not sold any more by the name of its type. */
function namesOf(plans: readonly Plan[]): (planType: string) => string {
  return (planType) =>
    plans.find((plan) => plan.kind === 'recurring' && plan.planType === planType)?.name ??
    humanize(planType);
}

type OperationProps = { operation: Operation; grants: readonly LiveGrant[] | null };

function OperationItem({ operation, grants }: OperationProps) {
  const { entries } = operation;
  const opens = entries.length > 1 || entries.some(({ allocations }) => allocations.length > 0);
  return (
    <li className="operation">
      {opens ? (
        <details>
          <summary>
            <OperationLine operation={operation} grants={grants} />
          </summary>
          <ul className="lines">
            {entries.map((entry) => (
              <EntryLine key={entry.entryId} entry={entry} isPart={operation.note !== undefined} />
            ))}
          </ul>
        </details>
      ) : (
        <div className="line">
          <OperationLine operation={operation} grants={grants} />
        </div>
      )}
    </li>
  );
}

function Clock({ instant }: { instant: string }) {
  return (
    <time className="about" dateTime={instant}>
      {formatTime(instant)}
    </time>
  );
}

/** What has become of the credits that an entry brought. */
function GrantNow(props: { entry: Transaction | undefined; grants: readonly LiveGrant[] | null }) {
  const { entry, grants } = props;
  if (entry?.kind !== 'grant' || grants === null) {
    return null;
  }
  const grant = grants.find(({ grantId }) => grantId === entry.grantId);
  return (
    <span className="about block">
      {grant === undefined
        ? 'None of them left'
        : `${formatCredits(grant.remaining)} of ${formatCredits(grant.amount)} left${
            grant.expiresAt === null ? '' : `, until ${formatDay(grant.expiresAt)}`
          }`}
    </span>
  );
}

function OperationLine({ operation, grants }: OperationProps) {
  const { title, note, amount, postedAfter, entries } = operation;
  const newest = entries[0];
  const isRun = entries.length > 1 && note === undefined;
  const tone = Number(amount) > 0 ? 'in' : newest?.kind === 'reversal' ? 'back' : undefined;
  return (
    <>
      <span>
        {title}
        {note === undefined ? null : <span className="soft">: {note}</span>}
        {isRun ? <span className="soft"> × {entries.length}</span> : null}
        {newest === undefined ? null : <Clock instant={newest.createdAt} />}
        <GrantNow entry={entries.find(({ kind }) => kind === 'grant')} grants={grants} />
      </span>
      <span className={classes('amount number', tone)}>{formatSigned(amount)}</span>
      <span className="after number">
        <span className="visually-hidden">balance after: </span>
        {formatCredits(postedAfter)}
      </span>
    </>
  );
}

function EntryLine({ entry, isPart }: { entry: Transaction; isPart: boolean }) {
  return (
    <li>
      <span>
        {isPart ? titleOf(entry, humanize) : formatTime(entry.createdAt)}{' '}
        <span className="paid-by">{isPart ? null : describeAllocations(entry)}</span>
      </span>
      <span className="amount number">{formatSigned(entry.amount)}</span>
      <span className="after number">{formatCredits(entry.postedAfter)}</span>
    </li>
  );
}

function describeAllocations({ allocations, amount }: Transaction): string {
  const name = ({ grantId, reason }: Allocation) =>
    grantId === null ? 'debt' : humanizeWithin(reason ?? 'credits');
  const [only] = allocations;
  if (allocations.length === 1 && only !== undefined) {
    return `${Number(amount) < 0 ? 'from ' : ''}${name(only)}`;
  }
  return allocations.map((each) => `${formatCredits(each.amount)} from ${name(each)}`).join(', ');
}
