import type { Loaded } from '../../src/react/index.ts';
import { LoadFailed } from '../frame/notice.tsx';
import { UsageChart, UsageTable } from './usage-chart.tsx';
import type { MeterUsage } from './usage-days.ts';

export function UsagePart({ usage, wide }: { usage: Loaded<MeterUsage>; wide: boolean }) {
  return (
    <section className={wide ? 'part' : 'part usage-part'} aria-labelledby="usage-title">
      <h2 id="usage-title">Usage</h2>
      <Content usage={usage} />
    </section>
  );
}

function Content({ usage }: { usage: Loaded<MeterUsage> }) {
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
  const { days } = usage.data;
  if (days.every(({ spent }) => spent === 0)) {
    return <p className="empty">No credits used yet. Days with scans will show here.</p>;
  }
  return (
    <>
      <UsageChart usage={usage.data} />
      <UsageTable usage={usage.data} />
    </>
  );
}
