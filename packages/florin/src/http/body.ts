import type { Context } from 'hono';
import type { ZodType, z } from 'zod';
import { type Credit, checkCredits, WHOLE_CREDITS } from '../credit/index.ts';
import { FlorinError, isUuid, toPlainJson } from '../kernel/index.ts';
import type { AppEnv, RequestContext } from './context.ts';
import { RequestError } from './request-error.ts';

type Bindings = AppEnv['Bindings'];

/** No body of the API comes near this; the webhook has its own limit. */
const MAX_BODY = 64 * 1024;
const JSON_TYPE = /^application\/(json|[\w.-]+\+json)\s*(;|$)/i;

/**
 * The body as JSON of this shape. Only `application/json` is read: a form or a text, which another
 * site's page can post without asking, is refused. Throws `unsupported_media_type`,
 * `payload_too_large`, `body_incomplete` or `invalid_input` with every fault. Amounts are in units.
 */
export async function readJson<S extends ZodType>(
  c: RequestContext,
  schema: S,
): Promise<z.infer<S>> {
  if (!JSON_TYPE.test(c.req.header('content-type') ?? '')) {
    refuseType();
  }
  return parse(c, schema, await readText(c));
}

/**
 * As {@link readJson}, where a request with neither a type nor a body says the same as `{}`. An empty body
 * that is announced as JSON has lost what it was to say, and is refused.
 */
export async function readJsonOrNothing<S extends ZodType>(
  c: RequestContext,
  schema: S,
): Promise<z.infer<S>> {
  if (c.req.header('content-type') !== undefined) {
    return readJson(c, schema);
  }
  // Read, not guessed from its headers: a body that nobody looks at may name an amount.
  return (await readText(c)) === '' ? parse(c, schema, '{}') : refuseType();
}

function refuseType(): never {
  throw new RequestError(
    'unsupported_media_type',
    'Send the body as JSON with the header Content-Type: application/json.',
  );
}

function parse<S extends ZodType>(c: RequestContext, schema: S, text: string): z.infer<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FlorinError('invalid_input', 'The body is not valid JSON.', { cause });
  }
  return checkCredits(creditOf(c), schema, checkJson(value));
}

/** The query's parameters in this shape. Throws `invalid_input`, also for one that is given twice. */
export function readQuery<S extends ZodType>(c: RequestContext, schema: S): z.infer<S> {
  const given = Object.entries(c.req.queries());
  const twice = given.filter(([, values]) => values.length > 1).map(([name]) => name);
  if (twice.length > 0) {
    const faults = twice.map((name) => `${name}: must be given once`);
    throw new FlorinError('invalid_input', `${faults.join('; ')}.`, { details: { faults } });
  }
  return checkCredits(creditOf(c), schema, toPlainJson(c.req.query(), 'query'));
}

function creditOf(c: RequestContext): Credit {
  return c.get('credit') ?? WHOLE_CREDITS;
}

/** A uuid of the path, in lower case. Throws `invalid_input`. */
export function uuidOf(c: Context, name: string): string {
  const value = c.req.param(name);
  if (!isUuid(value)) {
    throw new FlorinError('invalid_input', `${name}: must be a uuid.`);
  }
  return value.toLowerCase();
}

/** Refuses text that Postgres or Stripe could not take, in any field of any route. */
function checkJson(value: unknown): unknown {
  return toPlainJson(value, 'body');
}

/** Throws `invalid_input` for bytes that are no text: replaced by others, they would be kept as what nobody sent. */
async function readText(c: Context): Promise<string> {
  const bytes = await readBytes(c, MAX_BODY);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FlorinError('invalid_input', 'The body is not UTF-8.', { cause });
  }
}

/**
 * The body's bytes exactly as they came, up to `limit`. Throws `payload_too_large`, `body_incomplete`, and
 * `body_already_read` where a host that Florin is mounted in took them first.
 */
export async function readBytes(c: Context, limit: number): Promise<Uint8Array> {
  refuseReadBody(c);
  return declaredLength(c, limit) === undefined
    ? whole(readCounted(c, limit))
    : new Uint8Array(await whole(c.req.arrayBuffer()));
}

/** Answers a sender that goes away, or is too slow, with `body_incomplete`: the service has not failed. */
async function whole<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    throw error instanceof RequestError
      ? error
      : new RequestError('body_incomplete', 'The body ended before it was whole.', {
          cause: error,
        });
  }
}

/** Throws when a parser such as express.json() has read the body: no signature could be verified. */
function refuseReadBody(c: Context): void {
  if (isBodyGone(c)) {
    throw new RequestError(
      'body_already_read',
      'The body was read before Florin saw it. Mount Florin before express.json() and other body parsers, or let the parser keep the bytes: express.json({ verify: (request, _response, bytes) => { request.rawBody = bytes; } }).',
    );
  }
}

function isBodyGone(c: Context): boolean {
  const incoming: Bindings['incoming'] = c.env?.incoming;
  return incoming === undefined
    ? c.req.raw.bodyUsed
    : incoming.readableDidRead === true && !(incoming.rawBody instanceof Uint8Array);
}

/** Returns the Content-Length, which the server enforces; undefined for a chunked body. */
function declaredLength(c: Context, limit: number): number | undefined {
  const header = c.req.header('content-length');
  if (header === undefined) {
    return undefined;
  }
  const length = Number(header);
  if (!(length <= limit)) {
    throw tooLarge(limit);
  }
  return c.req.header('transfer-encoding') === undefined ? length : undefined;
}

async function readCounted(c: Context, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = c.req.raw.body?.getReader();
  for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
    length += part.value.byteLength;
    if (length > limit) {
      // This is not awaited, because the sender may never end.
      reader?.cancel().catch(() => undefined);
      throw tooLarge(limit);
    }
    chunks.push(part.value);
  }
  return Buffer.concat(chunks);
}

function tooLarge(limit: number): RequestError {
  return new RequestError('payload_too_large', `The body is larger than ${limit} bytes.`);
}
