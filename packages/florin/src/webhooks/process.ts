import { setTimeout as pause } from 'node:timers/promises';
import { ZodError } from 'zod';
import {
  aliasesOf,
  decide,
  type Effects,
  EMPTY_PAYMENT,
  type Obstacle,
  toEffects,
} from '../fulfillment/index.ts';
import { FlorinError } from '../kernel/index.ts';
import type { Fact, StripeEvent } from '../stripe/index.ts';
import { applyEvent, type EventWrite, isLocked } from './apply-event.ts';
import { type DecidedWith, decideWith, requestFor, type StateRequest } from './decide-with.ts';
import type { WebhookDeps } from './deps.ts';
import { factOf } from './handlers.ts';
import { type EventInHand, inEnvelope } from './in-hand.ts';
import type { EventStatus } from './inbox.ts';
import { type CollectedDetails, collectDetails } from './lookups.ts';
import { fetchNamedObject, needsObject } from './named-object.ts';
import { notOurs } from './not-ours.ts';
import { readState, type StateBefore } from './read-state.ts';
import { MAX_ATTEMPTS, secondsUntilRetry } from './retry.ts';

export type ProcessOutcome = {
  readonly status: EventStatus | 'duplicate';
  readonly reason: string;
};

/** How often a decision is made again because the payment changed under it; one writer wins each time. */
const MAX_STALE = 60;
const STALE_PAUSE_MS = 5;
const NOTHING: Fact = { kind: 'nothing', reason: '' };
const FINISHED_BEFORE: ProcessOutcome = { status: 'duplicate', reason: 'Finished before.' };

/**
 * Processes one event: reads its fact, decides, asks Stripe what is missing (outside any
 * transaction), and writes event, payment and ledger in one commit. Returns once the event is
 * stored, processed or not; raises only when it could not be stored.
 */
export async function processEvent(
  deps: WebhookDeps,
  inHand: EventInHand,
): Promise<ProcessOutcome> {
  const outcome = await attempt(deps, inHand);
  report(deps, inHand.event, outcome);
  return outcome;
}

async function attempt(deps: WebhookDeps, inHand: EventInHand): Promise<ProcessOutcome> {
  const { event } = inHand;
  const foreign = notOurs(deps, event);
  try {
    return foreign === undefined
      ? await decideAndStore(deps, inHand)
      : await store(deps, inHand, { effects: toEffects({ status: 'skipped', reason: foreign }) });
  } catch (error) {
    return keep(deps, inHand, error);
  }
}

/**
 * Stores an event that could not be processed, whatever is in it, so that it is tried again; in a commit of its
 * own, so that no other delivery fails by it.
 */
async function keep(
  { write: _shared, ...deps }: WebhookDeps,
  inHand: EventInHand,
  error: unknown,
): Promise<ProcessOutcome> {
  if (isUnavailable(error)) {
    throw error;
  }
  const effects = toEffects({ status: 'failed', obstacle: obstacleOf(error), reason: '' });
  try {
    return await store(deps, inHand, { effects });
  } catch (again) {
    if (isUnavailable(again) || isBusy(again) || inHand.json === null) {
      throw again;
    }
    return store(deps, inEnvelope(inHand), { effects });
  }
}

async function decideAndStore(deps: WebhookDeps, inHand: EventInHand): Promise<ProcessOutcome> {
  const details = collectDetails(deps.stripe, deps.logger);
  let { event } = inHand;
  if (needsObject(event)) {
    const read = await readUnfinished(deps, inHand, requestFor(NOTHING, details));
    if (read === undefined) {
      return FINISHED_BEFORE;
    }
    const named = await fetchNamedObject(event, { stripe: deps.stripe, details });
    if ('obstacle' in named) {
      const effects = toEffects({ status: 'failed', reason: '', obstacle: named.obstacle });
      return store(deps, inHand, { effects, read });
    }
    event = named.event;
  }
  const fact = factOf(event);
  if (fact.kind === 'nothing') {
    return store(deps, inHand, { effects: toEffects({ status: 'skipped', reason: fact.reason }) });
  }
  const atOnce = await decideUnread(deps, inHand, fact);
  if (atOnce !== undefined) {
    return atOnce;
  }
  for (let round = 1; ; round += 1) {
    const decided = await decideOn(deps, { inHand, fact, details });
    if (decided === undefined) {
      return FINISHED_BEFORE;
    }
    try {
      return await store(deps, inHand, { ...decided, fact });
    } catch (error) {
      if (round >= MAX_STALE || !isStale(error)) {
        throw error;
      }
      const spread = (deps.random ?? Math.random)() * Math.min(20, round) * STALE_PAUSE_MS;
      await pause(spread);
      details.forgetSubscriptions();
    }
  }
}

/**
 * A one-time checkout is mostly the first event about its payment. Then nothing needs to be read: the decision is
 * made as if nothing were known and written on that condition, in one round trip. Undefined when
 * something is known after all, or more is needed: nothing was written, and the long way is taken.
 */
async function decideUnread(
  deps: WebhookDeps,
  inHand: EventInHand,
  fact: Fact,
): Promise<ProcessOutcome | undefined> {
  if (inHand.claimedAttempt !== undefined || fact.kind !== 'session' || fact.mode !== 'payment') {
    return undefined;
  }
  const details = collectDetails(null, deps.logger);
  const decision = decide({
    fact,
    details,
    eventId: inHand.event.id,
    catalog: deps.catalog,
    known: { payment: EMPTY_PAYMENT, customerAccountId: null, subscription: null },
    now: deps.clock.now(),
  });
  if ('need' in decision || decision.effects.status !== 'processed') {
    return undefined;
  }
  try {
    const aliases = aliasesOf(fact, details);
    return await store(deps, inHand, { effects: decision.effects, fact, aliases, unread: true });
  } catch (error) {
    if (isStale(error)) {
      return undefined;
    }
    throw error;
  }
}

type Decided = {
  effects: Effects;
  fact?: Fact;
  aliases?: readonly string[];
  read?: StateBefore;
  unread?: boolean;
};

function decideOn(
  deps: WebhookDeps,
  on: { inHand: EventInHand; fact: Fact; details: CollectedDetails },
): Promise<DecidedWith<StateBefore> | undefined> {
  const { inHand, fact, details } = on;
  const { catalog, clock, mend = false } = deps;
  const read = (request: StateRequest) => readUnfinished(deps, inHand, request);
  return decideWith({ fact, eventId: inHand.event.id, catalog, clock, details, mend, read });
}

/** Undefined when the event was finished before; a worker that has claimed it goes on all the same. */
async function readUnfinished(
  deps: WebhookDeps,
  { event, claimedAttempt }: EventInHand,
  request: StateRequest,
): Promise<StateBefore | undefined> {
  const read = await readState(deps.db, { eventId: event.id, ...request });
  const { eventStatus } = read;
  const isFinished = eventStatus === 'processed' || eventStatus === 'skipped';
  return isFinished && claimedAttempt === undefined ? undefined : read;
}

async function store(
  deps: WebhookDeps,
  inHand: EventInHand,
  { effects, fact, aliases, read, unread }: Decided,
): Promise<ProcessOutcome> {
  const attempts = inHand.claimedAttempt ?? (read?.attempts ?? 0) + 1;
  const status =
    effects.status === 'failed' && attempts >= MAX_ATTEMPTS ? ('dead' as const) : effects.status;
  const write = deps.write ?? ((one: EventWrite) => applyEvent(deps.db, one));
  const outcome = await write({
    event: inHand,
    effects,
    status,
    retryInSeconds:
      status === 'failed' ? secondsUntilRetry(attempts, deps.random ?? Math.random) : null,
    unread: unread ?? false,
    aliases: aliases ?? [],
    payments: read?.payments ?? [],
    relatives: read?.relatives ?? [],
    subscription: read?.subscription ?? null,
    closedSessionId: fact?.kind === 'session' ? fact.id : null,
  });
  if (outcome === 'duplicate') {
    return FINISHED_BEFORE;
  }
  for (const { accountId } of effects.commands) {
    deps.announce?.(accountId);
  }
  return { status, reason: effects.obstacle?.message ?? effects.reason };
}

/** Nothing can be stored now: the sender keeps the event, and comes again. */
function isUnavailable(error: unknown): boolean {
  return error instanceof FlorinError && error.code === 'database_unavailable' && !isBusy(error);
}

/** Only what this event is about is locked or overrun: the event itself can be stored. */
function isBusy(error: unknown): boolean {
  return error instanceof FlorinError && (error.code === 'account_busy' || isLocked(error));
}

function obstacleOf(error: unknown): Obstacle {
  if (isBusy(error)) {
    return {
      code: 'account_busy',
      message: 'Something else holds the account or the payment that this is about: tried again.',
      needsAttention: false,
    };
  }
  if (error instanceof ZodError) {
    const where = error.issues.map((issue) => issue.path.join('.') || '(object)').join(', ');
    return {
      code: 'payload_malformed',
      message: `The event's object is not what its type promises: ${where}. Report it with the event's id.`,
      needsAttention: true,
    };
  }
  const code = error instanceof FlorinError ? error.code : 'internal';
  return {
    code,
    message: error instanceof Error ? error.message : String(error),
    needsAttention: true,
  };
}

/** The payment changed or came between reading and writing, or two writers met: decide again. */
function isStale(error: unknown): boolean {
  if (!(error instanceof FlorinError)) {
    return false;
  }
  const { sqlstate, constraint } = error.details;
  return (
    sqlstate === '40001' ||
    sqlstate === '40P01' ||
    (sqlstate === '23505' && constraint === 'payments_pkey')
  );
}

function report(deps: WebhookDeps, event: StripeEvent, outcome: ProcessOutcome): void {
  const fields = { eventId: event.id, type: event.type, ...outcome };
  if (outcome.status === 'dead') {
    deps.logger.error(fields, 'event given up: see florin events show, then replay it');
  } else if (outcome.status === 'failed') {
    deps.logger.warn(fields, 'event not processed yet');
  } else {
    deps.logger.info(fields, 'event handled');
  }
}
