import { useCallback } from 'react';
import type { GroupedUsage } from '../../src/browser/index.ts';
import { useLoaded } from '../../src/react/index.ts';
import { UsageChart, UsageTable } from '../account/usage-chart.tsx';
import { loadUsage, type MeterUsage } from '../account/usage-days.ts';
import { formatCredits } from '../frame/format.ts';
import { LoadFailed } from '../frame/notice.tsx';
import type { AdminApi } from './api.ts';

/** What the account used its credits for in the last thirty days: by day and meter, by feature and actor. */
export function UsageView({ api, accountId }: { api: AdminApi; accountId: string }) {
  const usage = useLoaded(
    useCallback(async () => {
      const read = api.usage(accountId);
      const [perDay, groups] = await Promise.all([
        loadUsage(read),
        read({ by: ['meter', 'feature', 'actor'] }),
      ]);
      return { perDay, groups };
    }, [api, accountId]),
  );
  return (
    <section className="part" aria-labelledby="usage-title">
      <h3 id="usage-title">Usage</h3>
      {usage.data !== null ? (
        <Used {...usage.data} />
      ) : usage.status === 'error' ? (
        <LoadFailed what="The usage" error={usage.error} retry={usage.reload} />
      ) : (
        <p className="soft">Loading…</p>
      )}
    </section>
  );
}

function Used({ perDay, groups }: { perDay: MeterUsage; groups: GroupedUsage }) {
  if (groups.groups.length === 0) {
    return <p className="soft">Nothing used in the last thirty days.</p>;
  }
  return (
    <>
      <UsageChart usage={perDay} />
      <UsageTable usage={perDay} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard. */}
      <section className="wide" tabIndex={0} aria-label="Usage by meter, feature and actor">
        <table className="grid">
          <thead>
            <tr>
              <th scope="col">Meter</th>
              <th scope="col">Feature</th>
              <th scope="col">Actor</th>
              <th scope="col" className="end">
                Units
              </th>
              <th scope="col" className="end">
                Credits
              </th>
            </tr>
          </thead>
          <tbody>
            {groups.groups
              .toSorted((a, b) => Number(b.spent) - Number(a.spent))
              .map(({ meter, feature, actor, quantity, spent }) => (
                <tr key={JSON.stringify([meter, feature, actor])}>
                  <td>{meter ?? '–'}</td>
                  <td>{feature ?? '–'}</td>
                  <td className="mono">{actor ?? '–'}</td>
                  <td className="end number">{meter == null ? '–' : quantity}</td>
                  <td className="end number">{formatCredits(spent)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </section>
    </>
  );
}
