import { CHARGES } from '../../contract/index.ts';
import { readJson, readQuery, uuidOf } from '../body.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { createServerWrite } from '../server-calls.ts';

/** Adds charges by what was used: the rate card knows the price. */
export function addCharges(app: App, parts: Parts): void {
  const { callers, charges } = parts;
  const write = createServerWrite(parts);

  addRoute(
    app,
    CHARGES.charge,
    write(async (c, call) => {
      const { metadata, ...used } = await readJson(c, CHARGES.charge.body);
      return charges.charge({ ...call, ...used, ...(metadata === undefined ? {} : { metadata }) });
    }),
  );

  addRoute(app, CHARGES.quote, async (c) => {
    await callers.server(c);
    const { meter, quantity, model, actor, feature, ...units } = readQuery(c, CHARGES.quote.query);
    const usage = model === undefined ? undefined : { ...units, model };
    const used = { meter, quantity, usage, actor, feature };
    return charges.quote({ accountId: uuidOf(c, 'id'), ...used });
  });
}
