import type { AdminEvent } from '../../src/contract/index.ts';

export function StatusMark({ event }: { event: AdminEvent }) {
  return (
    <span
      className="status"
      data-status={event.status}
      data-attention={event.needsAttention || undefined}
    >
      {event.status}
      {event.attempts > 1 ? ` (${event.attempts} attempts)` : ''}
    </span>
  );
}

export function AccountLink({ accountId }: { accountId: string | null }) {
  return accountId === null ? (
    <span className="soft">–</span>
  ) : (
    <a className="mono number" href={`#/accounts/${accountId}`} title={accountId}>
      {accountId.slice(0, 8)}…
    </a>
  );
}
