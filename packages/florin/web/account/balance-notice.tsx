import type { Balance } from '../../src/browser/index.ts';
import { credits } from '../frame/format.ts';
import { LOW_BALANCE } from '../frame/frame.tsx';
import { Notice } from '../frame/notice.tsx';

/** What the buyer should know before the next job fails. */
export function BalanceNotice({ balance }: { balance: Balance | null }) {
  if (balance === null || Number(balance.available) >= LOW_BALANCE) {
    return null;
  }
  if (Number(balance.posted) < 0) {
    return (
      <Notice tone="warn" title={`${credits(-balance.posted)} to settle`}>
        A payment went back after its credits were used. The next credits you get settle this first.
      </Notice>
    );
  }
  const buy = (
    <a className="button slim" href="/pricing.html">
      See plans and packs
    </a>
  );
  if (balance.available === 0) {
    return (
      <Notice title="No credits available" actions={buy}>
        {Number(balance.held) > 0
          ? `${credits(balance.held)} are held for jobs that are still running.`
          : 'Scans wait until there are credits.'}
      </Notice>
    );
  }
  return (
    <Notice tone="warn" title={`${credits(balance.available)} left`} actions={buy}>
      Fill up before a longer document, so that it is read in one go.
    </Notice>
  );
}
