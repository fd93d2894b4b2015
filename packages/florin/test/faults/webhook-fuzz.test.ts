import { createHmac } from 'node:crypto';
import { request } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Database } from '../../src/db/index.ts';
import { isStorableText, randomIds, silentLogger } from '../../src/kernel/index.ts';
import { verifyLedger } from '../../src/ledger/index.ts';
import { receiveWebhook, showEvent, type WebhookDeps } from '../../src/webhooks/index.ts';
import { openService, WEBHOOK_SECRET } from '../integration/http/florin-service.ts';
import { testCatalog } from '../integration/webhooks/catalog.ts';
import {
  charge,
  dispute,
  event,
  invoice,
  refund,
  session,
  sessionLine,
  subscription,
  withLines,
} from '../integration/webhooks/objects.ts';
import { openShop, signed } from '../integration/webhooks/shop.ts';

/** B5: 1,000,000 under `npm run proof`. */
const BODIES = Number(process.env['FLORIN_PROOF_BODIES'] ?? 6_000);
const SEED = Number(process.env['FLORIN_PROOF_SEED'] ?? 5);
const SECRET = 'whsec_fuzzed';
const NOW = new Date('2026-11-23T12:00:00Z');
const SECONDS = Math.floor(NOW.getTime() / 1000);

function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * below);
  };
}

/** A database that takes every event, and counts them: what reaches it was accepted. */
function counting(): Database & { stored: number } {
  const db = {
    stored: 0,
    async query(statement: { name?: string } | string, values?: readonly unknown[]) {
      if (typeof statement !== 'string' && statement.name === 'billing_apply_event') {
        // What Postgres would refuse must not get here.
        expect(values?.every((value) => typeof value !== 'string' || isStorableText(value))).toBe(
          true,
        );
        JSON.parse(String(values?.[2]));
        db.stored += 1;
        return [{ outcome: 'applied' }];
      }
      return [];
    },
  };
  return db as unknown as Database & { stored: number };
}

function service() {
  const db = counting();
  const deps: WebhookDeps = {
    db,
    catalog: testCatalog(),
    stripe: null,
    livemode: false,
    logger: silentLogger,
    clock: { now: () => NOW },
    ids: randomIds,
  };
  return { db, deps };
}

const SAMPLES = [
  event('checkout.session.completed', session(withLines([sessionLine('price_QUICK_SCAN')]))),
  event('invoice.paid', invoice([{ priceId: 'price_BASIC_MONTHLY' }], 'new')),
  event('invoice.paid', invoice([{ priceId: 'price_BASIC_MONTHLY' }], 'old')),
  event('charge.refunded', charge(250)),
  event('refund.updated', refund('re_1', 250, 'succeeded')),
  event('charge.dispute.closed', dispute('lost')),
  event('customer.subscription.updated', subscription('active')),
].map((payload) => Buffer.from(JSON.stringify(payload)));

const sign = (body: Uint8Array, secret = SECRET, at = SECONDS) =>
  createHmac('sha256', secret).update(`${at}.`).update(body).digest('hex');

const STRANGE: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  -(2 ** 63),
  '',
  'x',
  '\u0000',
  '\ud800',
  '💥',
  [],
  {},
  [null],
  { id: null },
  '__proto__',
  'constructor',
  '2026-10-28',
  'a'.repeat(5_000),
];

type Pick = (below: number) => number;

/** Bytes changed, cut, doubled or swapped: the body of somebody who has no secret, or of a bad line. */
function mutateBytes(body: Buffer, pick: Pick): Buffer {
  const at = pick(body.length);
  switch (pick(6)) {
    case 0: {
      const changed = Buffer.from(body);
      changed[at] = (changed[at] ?? 0) ^ (1 + pick(255));
      return changed;
    }
    case 1:
      return body.subarray(0, at);
    case 2:
      return Buffer.concat([body, body.subarray(at)]);
    case 3:
      return Buffer.concat([body.subarray(0, at), Buffer.from([pick(256)]), body.subarray(at)]);
    case 4:
      return Buffer.concat([body, Buffer.from([pick(2) === 0 ? 0x0a : 0x00])]);
    default:
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), body]);
  }
}

/** One value somewhere in the event replaced by a strange one, or one field gone. */
function mutateFields(body: Buffer, pick: Pick): Buffer {
  const root = JSON.parse(body.toString()) as Record<string, unknown>;
  let node: Record<string, unknown> = root;
  for (;;) {
    const keys = Object.keys(node);
    const key = keys[pick(keys.length)];
    if (key === undefined) {
      break;
    }
    const child = node[key];
    if (typeof child === 'object' && child !== null && pick(5) > 0) {
      node = child as Record<string, unknown>;
      continue;
    }
    if (pick(4) === 0) {
      delete node[key];
    } else {
      node[key] = STRANGE[pick(STRANGE.length)];
    }
    break;
  }
  return Buffer.from(JSON.stringify(root));
}

const forgedHeader = (body: Buffer, pick: Pick): string | undefined => {
  const wrong = sign(body, `${SECRET}${pick(10)}`);
  return [
    undefined,
    '',
    `t=${SECONDS},v1=${wrong}`,
    `t=${SECONDS},v0=${sign(body)}`,
    `t=${SECONDS},v1=${sign(body).slice(0, 63)}`,
    `t=${SECONDS - 301},v1=${sign(body, SECRET, SECONDS - 301)}`,
    `t=${SECONDS + 301},v1=${sign(body, SECRET, SECONDS + 301)}`,
    `t=${SECONDS + 1},v1=${sign(body)}`,
    `t=${SECONDS},t=${SECONDS},v1=${sign(body)}`,
    `v1=${sign(body)}`,
    `t=${SECONDS},v1=${sign(body).toUpperCase()}`,
    `t=${SECONDS};v1=${sign(body)}`,
    `t=NaN,v1=${wrong}`,
    `t=${SECONDS},${`v1=${wrong},`.repeat(17)}v1=${sign(body)}`,
    String.fromCharCode(...Array.from({ length: pick(60) }, () => pick(65_536))),
  ][pick(15)];
};

describe(`${BODIES} mutated webhooks`, () => {
  it('accept no forgery, raise nothing and are all answered', {
    timeout: 60_000 + BODIES * 2,
  }, async () => {
    const pick = seeded(SEED);
    const { db, deps } = service();
    const secrets = [SECRET];
    const answers = { accepted: 0, signature_invalid: 0, invalid_input: 0, payload_too_large: 0 };
    for (let index = 0; index < BODIES; index += 1) {
      const sample = SAMPLES[pick(SAMPLES.length)] ?? Buffer.alloc(0);
      const kind = pick(4);
      const before = db.stored;
      if (kind < 2) {
        // Nobody who lacks the secret gets anything in: the body altered under a good signature, or
        // a good body under a bad one.
        const altered = mutateBytes(sample, pick);
        const rawBody = kind === 0 ? altered : sample;
        const signature =
          kind === 0 ? `t=${SECONDS},v1=${sign(sample)}` : forgedHeader(sample, pick);
        const outcome = await receiveWebhook(deps, { rawBody, signature, secrets });
        expect(outcome, `case ${index}`).toMatchObject({ code: 'signature_invalid' });
        expect(db.stored).toBe(before);
        answers.signature_invalid += 1;
        continue;
      }
      // Signed by whoever has the secret, and nonsense: stored or refused, never an error.
      const rawBody = kind === 2 ? mutateBytes(sample, pick) : mutateFields(sample, pick);
      const signature = `t=${SECONDS},v1=${sign(rawBody)}`;
      const outcome = await receiveWebhook(deps, { rawBody, signature, secrets });
      if (outcome.kind === 'accepted') {
        expect(db.stored, `case ${index}`).toBe(before + 1);
        answers.accepted += 1;
      } else {
        expect(['invalid_input', 'payload_too_large'], `case ${index}`).toContain(outcome.code);
        expect(db.stored, `case ${index}`).toBe(before);
        answers[outcome.code] += 1;
      }
    }
    // Each way was really taken.
    expect(answers.accepted).toBeGreaterThan(BODIES / 20);
    expect(answers.invalid_input).toBeGreaterThan(BODIES / 50);
    expect(answers.signature_invalid).toBeGreaterThan(BODIES / 4);
  });

  it('of which Postgres stores each that is signed, however strange', {
    timeout: 60_000 + BODIES * 5,
  }, async () => {
    const pick = seeded(SEED + 1);
    const shop = await openShop();
    onTestFinished(() => shop.close());
    let accepted = 0;
    for (let index = 0; index < BODIES / 20; index += 1) {
      const rawBody = mutateFields(SAMPLES[pick(SAMPLES.length)] ?? Buffer.alloc(0), pick);
      const payload = JSON.parse(rawBody.toString()) as Record<string, unknown>;
      // Another event each time, unless it is its id that was mutated.
      const id = payload['id'];
      const named =
        typeof id === 'string' && id.startsWith('evt_')
          ? { ...payload, id: `evt_fuzz_${index}` }
          : payload;
      const request = signed(JSON.stringify(named));
      const outcome = await receiveWebhook(shop.deps, request).catch((error) => {
        throw new Error(`case ${index} raised: ${request.rawBody}`, { cause: error });
      });
      accepted += outcome.kind === 'accepted' ? 1 : 0;
    }
    expect(accepted).toBeGreaterThan(BODIES / 50);
    expect(await verifyLedger(shop.deps.db)).toEqual([]);
  });

  it('over a socket are answered 200, 400 or 413, and never 5xx', {
    timeout: 60_000 + BODIES * 5,
  }, async () => {
    const pick = seeded(SEED + 2);
    const running = await openService({ deliver: false });
    onTestFinished(() => running.close());
    const statuses = new Map<number, number>();
    for (let index = 0; index < Math.min(BODIES / 3, 50_000); index += 1) {
      const sample = SAMPLES[pick(SAMPLES.length)] ?? Buffer.alloc(0);
      const kind = pick(100);
      const body =
        kind === 0
          ? Buffer.concat([sample, Buffer.alloc(1024 * 1024, 0x20)])
          : kind < 30
            ? mutateBytes(sample, pick)
            : mutateFields(sample, pick);
      const now = Math.floor(Date.now() / 1000);
      const good = `t=${now},v1=${sign(body, WEBHOOK_SECRET, now)}`;
      const { status } = await fetch(`${running.url}/api/stripe/webhook`, {
        method: 'POST',
        headers: { 'stripe-signature': pick(3) === 0 ? 't=1,v1=00' : good },
        body: new Uint8Array(body),
      });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      expect(status === 413, `case ${index}`).toBe(kind === 0);
    }
    expect([...statuses.keys()].sort()).toEqual([200, 400, 413]);
    expect(await verifyLedger(running.fresh.db)).toEqual([]);
  });
});

describe('a signature that is said twice', () => {
  it('over a socket is accepted where every part of one header agrees, and refused in two headers', async () => {
    const running = await openService({ deliver: false });
    onTestFinished(() => running.close());
    let deliveries = 0;
    const deliver = async (headersOf: (header: string, other: string) => readonly string[]) => {
      deliveries += 1;
      const payload = { ...event('charge.succeeded', charge(0)), id: `evt_twice_${deliveries}` };
      const body = Buffer.from(JSON.stringify(payload));
      const now = Math.floor(Date.now() / 1000);
      const good = `t=${now},v1=${sign(body, WEBHOOK_SECRET, now)}`;
      const forged = `t=${now},v1=${sign(body, 'whsec_forged', now)}`;
      const headers = headersOf(good, forged).flatMap((value) => ['stripe-signature', value]);
      const status = await post(`${running.url}/api/stripe/webhook`, { headers, body });
      const stored = await showEvent(running.fresh.db, payload.id);
      expect(stored !== undefined).toBe(status === 200);
      return status;
    };
    expect(await deliver((good) => [good])).toBe(200);
    // While a secret is rolled Stripe signs with both: one v1 that fits is enough.
    expect(await deliver((good, forged) => [`${forged},${good.replace(/^t=\d+,/, '')}`])).toBe(200);
    expect(await deliver((good) => [good, good])).toBe(400);
    expect(await deliver((good, forged) => [forged, good])).toBe(400);
    expect(await deliver((good, forged) => [good, forged])).toBe(400);
    expect(await deliver((good) => [`${good.split(',')[0]},${good}`])).toBe(400);
    expect(await deliver((good) => [`t=1,${good}`])).toBe(400);
  });
});

/** Posts with header lines exactly as given: `fetch` would join two of one name. */
function post(
  url: string,
  { headers, body }: { headers: readonly string[]; body: Buffer },
): Promise<number | undefined> {
  const { host } = new URL(url);
  const lines = ['host', host, 'content-length', String(body.length), ...headers];
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers: lines }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
