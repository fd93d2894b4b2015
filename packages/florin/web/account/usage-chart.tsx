import { useState } from 'react';
import type { UsageDay } from '../../src/browser/index.ts';
import { addCredits, credits, formatCalendarDay, formatCredits } from '../frame/format.ts';

const WIDTH = 720;
const HEIGHT = 180;

/**
 * Credits spent a day, as bars. The picture has one sentence for screen readers, pointing at a bar
 * says its day, and the numbers stand in a table below.
 */
export function UsageChart({ days }: { days: readonly UsageDay[] }) {
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
  return (
    <figure className="chart">
      <p className="chart-said" aria-hidden="true">
        <span>
          {shown === undefined
            ? `${credits(total)} in ${days.length} days`
            : `${formatCalendarDay(shown.day)}: ${credits(shown.spent)} used`}
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
        {days.map(({ day, spent }, index) => (
          <g
            key={day}
            className={on === index ? 'day on' : 'day'}
            onPointerEnter={() => setOn(index)}
          >
            <rect className="hit" x={index * step} width={step} height={HEIGHT} />
            <rect
              className="bar"
              x={index * step + step * 0.16}
              width={step * 0.68}
              y={HEIGHT - barHeight(Number(spent), top)}
              height={barHeight(Number(spent), top)}
            />
          </g>
        ))}
        <line className="axis base" x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
      </svg>
      <div className="chart-scale" aria-hidden="true">
        <span>{formatCalendarDay(first.day)}</span>
        <span>{formatCalendarDay(last.day)}</span>
      </div>
    </figure>
  );
}

/** The same numbers, for those who would rather read them. */
export function UsageTable({ days }: { days: readonly UsageDay[] }) {
  return (
    <details className="as-table">
      <summary>Show as a table</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard. */}
      <section className="scroll" tabIndex={0} aria-label="Usage by day">
        <table>
          <thead>
            <tr>
              <th scope="col">Day</th>
              <th scope="col">Used</th>
              <th scope="col">Received</th>
            </tr>
          </thead>
          <tbody>
            {days.toReversed().map(({ day, spent, granted }) => (
              <tr key={day}>
                <th scope="row">{formatCalendarDay(day)}</th>
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
