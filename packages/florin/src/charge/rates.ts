import type { Executor, Statement } from '../db/index.ts';
import { InvalidConfigurationError } from '../kernel/index.ts';
import type { Priced, Rate, RateCard } from '../usage/index.ts';

const KEEP: Statement = {
  name: 'charge_keep_rate',
  text: 'select billing.keep_rate($1, $2, $3, $4) as kept',
};

/**
 * Keeps each rate that a charge is priced by, once a process, and refuses one whose price was changed
 * without a new version: `invalid_configuration`, before anything is charged.
 */
export function createRateKeeper(db: Executor): (priced: Priced) => Promise<void> {
  const kept = new Map<string, Promise<void>>();

  async function keep({ meter, model, pricing }: Priced): Promise<void> {
    const values = [meter, pricing.version, model, pricing.rate] as const;
    const [row] = await db.query<{ kept: boolean }>(KEEP, values);
    if (row?.kept !== true) {
      throw new InvalidConfigurationError([changed({ meter, model, version: pricing.version })]);
    }
  }

  return (priced) => {
    const key = JSON.stringify([priced.meter, priced.pricing.version, priced.model]);
    const known = kept.get(key);
    if (known !== undefined) {
      return known;
    }
    const keeping = keep(priced);
    kept.set(key, keeping);
    keeping.catch(() => kept.delete(key));
    return keeping;
  };
}

/** A rate of the card whose version is in use with another price. */
export type ChangedRate = {
  readonly meter: string;
  readonly version: number;
  readonly model: string;
  readonly explanation: string;
};

const CHANGED: Statement = {
  name: 'charge_changed_rates',
  text: `select r.meter, r.version, r.model
           from billing.rates r
           join jsonb_to_recordset($1::jsonb)
                  as card (meter text, version integer, model text, rate jsonb)
             on card.meter = r.meter and card.version = r.version and card.model = r.model
          where card.rate <> r.rate
          order by r.meter, r.model`,
};

/** The rates of the card that change the price of a version in use; none when the card may be used. */
export async function changedRates(db: Executor, card: RateCard): Promise<ChangedRate[]> {
  const rates = [...card.values()].flatMap(({ meter, version, rates: byModel }) =>
    [...byModel].map(([model, rate]: [string, Rate]) => ({ meter, version, model, rate })),
  );
  const rows = await db.query<Omit<ChangedRate, 'explanation'>>(CHANGED, [JSON.stringify(rates)]);
  return rows.map((row) => ({ ...row, explanation: changed(row) }));
}

function changed(rate: { meter: string; version: number; model: string }): string {
  const model = rate.model === '' ? '' : `, model ${rate.model}`;
  return `usage.${rate.meter}${model}: version ${rate.version} is in use with another price. Give the new price version ${rate.version + 1}, or bring the old one back.`;
}
