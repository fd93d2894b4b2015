import type { Usage } from '../../src/browser/index.ts';
import type { Loaded } from '../../src/react/index.ts';
import { LoadFailed } from '../frame/notice.tsx';
import { UsageChart, UsageTable } from './usage-chart.tsx';
import { everyDay } from './usage-days.ts';

export function UsagePart({ usage, wide }: { usage: Loaded<Usage>; wide: boolean }) {
  return (
    <section className={wide ? 'part' : 'part usage-part'} aria-labelledby="usage-title">
      <h2 id="usage-title">Usage</h2>
      <Content usage={usage} />
    </section>
  );
}

function Content({ usage }: { usage: Loaded<Usage> }) {
  if (usage.data === null) {
    return usage.status === 'error' ? (
      <LoadFailed what="Your usage" error={usage.error} retry={usage.reload} />
    ) : (
      <div role="status">
        <span className="visually-hidden">Loading the usage</span>
        <span className="skeleton chart-skeleton" />
      </div>
    );
  }
  const days = everyDay(usage.data);
  if (days.every(({ spent }) => spent === 0)) {
    return <p className="empty">No credits used yet. Days with scans will show here.</p>;
  }
  return (
    <>
      <UsageChart days={days} />
      <UsageTable days={days} />
    </>
  );
}
