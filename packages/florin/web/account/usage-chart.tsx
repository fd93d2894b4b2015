import { useState } from 'react';
import { addCredits, credits, formatCalendarDay, formatCredits } from '../frame/format.ts';
import type { MeterDay, MeterUsage } from './usage-days.ts';

const WIDTH = 720;
const HEIGHT = 180;

/**
 * Credits spent a day, as bars stacked by meter. The picture has one sentence for screen readers, pointing at
 * a bar says its day, and the numbers stand in a table below. A reader who cannot tell the colours apart finds the meters
 * in the legend's order, from the bottom up.
 */
export function UsageChart({ usage: { days, meters } }: { usage: MeterUsage }) {
  const [on, setOn] = useState<number | null>(null);
  const most = Math.max(...days.map(({ spent }) => Number(spent)));
  const top = niceTop(most);
  const total = addCredits(...days.map(({ spent }) => spent));
  const step = WIDTH / days.length;
  const first = days[0];
  const last = days.at(-1);
  if (first === undefined || last === undefined) {
    return null;
  }
  const shown = on === null ? undefined : days[on];
  const totals = meters.map((_, place) =>
    addCredits(...days.map(({ parts }) => parts[place] ?? 0)),
  );
  return (
    <figure className="chart">
      <p className="chart-said" aria-hidden="true">
        <span>
          {shown === undefined
            ? `${credits(total)} in ${days.length} days`
            : `${formatCalendarDay(shown.day)}: ${credits(shown.spent)} used${meters.length > 1 ? byName(shown, meters) : ''}`}
        </span>
        <span className="number">{formatCredits(top)}</span>
      </p>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`Credits used a day, ${formatCalendarDay(first.day)} to ${formatCalendarDay(last.day)}: ${formatCredits(total)} in all, at most ${formatCredits(most)} in one day.`}
        onPointerLeave={() => setOn(null)}
      >
        {[0.5, 1].map((part) => (
          <line
            key={part}
            className="axis"
            x2={WIDTH}
            y1={HEIGHT * (1 - part) + 0.5}
            y2={HEIGHT * (1 - part) + 0.5}
          />
        ))}
        {days.map((day, index) => (
          <g
            key={day.day}
            className={on === index ? 'day on' : 'day'}
            onPointerEnter={() => setOn(index)}
          >
            <rect className="hit" x={index * step} width={step} height={HEIGHT} />
            {stack(day, meters, top).map(({ meter, y, height }) => (
              <rect
                key={meter}
                className={`bar ${series(meters, meter)}`}
                x={index * step + step * 0.16}
                width={step * 0.68}
                y={y}
                height={height}
              />
            ))}
          </g>
        ))}
        <line className="axis base" x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
      </svg>
      <div className="chart-scale" aria-hidden="true">
        <span>{formatCalendarDay(first.day)}</span>
        <span>{formatCalendarDay(last.day)}</span>
      </div>
      {meters.length === 1 ? null : (
        <ul className="chart-legend" aria-label="Credits used by meter">
          {meters.map((meter, place) => (
            <li key={meter}>
              <span className={`swatch ${series(meters, meter)}`} aria-hidden="true" />
              {meter} <span className="number soft">{formatCredits(totals[place] ?? 0)}</span>
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}

/** The same numbers, for those who would rather read them. */
export function UsageTable({ usage: { days, meters } }: { usage: MeterUsage }) {
  const columns = meters.length === 1 ? [] : meters;
  return (
    <details className="as-table">
      <summary>Show as a table</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard. */}
      <section className="scroll" tabIndex={0} aria-label="Usage by day">
        <table>
          <thead>
            <tr>
              <th scope="col">Day</th>
              {columns.map((meter) => (
                <th key={meter} scope="col">
                  {meter}
                </th>
              ))}
              <th scope="col">Used</th>
              <th scope="col">Received</th>
            </tr>
          </thead>
          <tbody>
            {days.toReversed().map(({ day, parts, spent, granted }) => (
              <tr key={day}>
                <th scope="row">{formatCalendarDay(day)}</th>
                {columns.map((meter, place) => (
                  <td key={meter} className="number">
                    {formatCredits(parts[place] ?? 0)}
                  </td>
                ))}
                <td className="number">{formatCredits(spent)}</td>
                <td className="number">{formatCredits(granted)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}

/** The colour of a meter; what stands for all the rest is grey. */
function series(meters: readonly string[], meter: string): string {
  const place = meters.indexOf(meter);
  return meters.length > 1 && meter === 'Other' ? 'series-other' : `series-${place + 1}`;
}

function byName({ parts }: MeterDay, meters: readonly string[]): string {
  const used = meters
    .map((meter, place) => [meter, parts[place] ?? 0] as const)
    .filter(([, spent]) => spent > 0)
    .map(([meter, spent]) => `${meter} ${formatCredits(spent)}`);
  return used.length === 0 ? '' : ` (${used.join(', ')})`;
}

/** The stretches of a day's bar, from the bottom up. */
function stack({ parts }: MeterDay, meters: readonly string[], top: number) {
  let below = 0;
  return meters.flatMap((meter, place) => {
    const height = barHeight(parts[place] ?? 0, top);
    below += height;
    return height === 0 ? [] : [{ meter, height, y: HEIGHT - below }];
  });
}

/** Keeps the smallest bar visible beside the largest. */
function barHeight(spent: number, top: number): number {
  return spent === 0 ? 0 : Math.max(2, (HEIGHT * spent) / top);
}

/** The smallest of 4, 10, 20, 50, 100, 200, 500, … that holds the largest value. */
export function niceTop(largest: number): number {
  if (largest <= 4) {
    return 4;
  }
  const power = 10 ** Math.floor(Math.log10(largest));
  const factor = [1, 2, 5, 10].find((each) => each * power >= largest) ?? 10;
  return factor * power;
}
