import { z } from '@hono/zod-openapi';
import { measured as anyMeasured } from '../../charge/index.ts';
import { usedBy } from '../../ledger/index.ts';
import { readJson, readQuery } from '../body.ts';
import { json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { createServerWrite, key, uuidOf } from '../server-calls.ts';
import { accountId, answers, freeMetadata, jsonBody, SERVER, written } from '../shapes.ts';

const measured = z.strictObject(anyMeasured.shape);
const charging = measured.extend({
  actor: usedBy.optional(),
  feature: usedBy.optional(),
  metadata: freeMetadata.optional(),
});
/** Of a meter with models the units stand beside the model: `?meter=tokens&model=a/b&input=1200`. */
const asking = z
  .object({
    meter: z.string(),
    quantity: z.string().optional(),
    model: z.string().optional(),
    actor: usedBy.optional(),
    feature: usedBy.optional(),
  })
  .catchall(z.string());

const account = z.object({ id: accountId });
const cost = {
  credits: z.int().openapi({ description: 'What it costs, from 0' }),
  rate: z.looseObject({}).openapi({ description: 'What it was computed with' }),
  version: z.int(),
};
const PROBLEMS = {
  400: '`meter_unknown`, `rate_missing`, or a quantity or a key that is not usable',
  401: 'Not the server key',
};

/** Credits by what was used: the rate card knows the price. */
export function addCharges(app: App, parts: Parts): void {
  const { callers, charges } = parts;
  const write = createServerWrite(parts);

  addRoute(app, {
    method: 'post',
    path: '/api/accounts/{id}/charge',
    docs: {
      summary: 'Takes the credits that a use costs by the rate card',
      tags: ['Server'],
      security: SERVER,
      request: { params: account, headers: key, ...jsonBody(charging) },
      responses: answers(
        { description: 'The balance after it, and the price', schema: written.extend(cost) },
        {
          ...PROBLEMS,
          402: 'Not enough credits (`available`, `required`), or `limit_reached`',
          409: 'The key names another operation, or the account is closed',
        },
      ),
    },
    handler: write(async (c, call) => {
      const { metadata, ...used } = await readJson(c, charging);
      return charges.charge({ ...call, ...used, ...(metadata === undefined ? {} : { metadata }) });
    }),
  });

  addRoute(app, {
    method: 'get',
    path: '/api/accounts/{id}/quote',
    docs: {
      summary: 'What a use would cost, and whether the account can pay it now, within its limits',
      tags: ['Server'],
      security: SERVER,
      request: { params: account, query: asking },
      responses: answers(
        {
          description:
            'The price. Of a meter with models `model` and the units of each kind are parameters',
          schema: z.object({ ...cost, affordable: z.boolean(), available: z.int() }),
        },
        PROBLEMS,
      ),
    },
    async handler(c) {
      await callers.server(c);
      const { meter, quantity, model, actor, feature, ...units } = readQuery(c, asking);
      const usage = model === undefined ? undefined : { ...units, model };
      const used = { meter, quantity, usage, actor, feature };
      return json(await charges.quote({ accountId: uuidOf(c, 'id'), ...used }));
    },
  });
}
