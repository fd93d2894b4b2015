import { ADMIN_EVENTS } from '../../contract/index.ts';
import { cutPage, FlorinError } from '../../kernel/index.ts';
import { listEvents, replayEvent, showEvent } from '../../webhooks/index.ts';
import { readQuery } from '../body.ts';
import type { RequestContext } from '../context.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';

const PAGE = 50;

/** Adds the inbox as operators see it, and the replay of an event. */
export function addAdminEvents(app: App, { callers, db, logger, webhooks }: Parts): void {
  addRoute(app, ADMIN_EVENTS.list, async (c) => {
    await callers.operator(c);
    const { status, attention, account, type, cursor } = readQuery(c, ADMIN_EVENTS.list.query);
    const found = await listEvents(db, {
      status,
      needsAttention: attention === undefined ? undefined : attention === 'true',
      accountId: account,
      type,
      before: cursor === undefined ? undefined : new Date(cursor),
      limit: PAGE + 1,
    });
    const { rows: events, next } = cutPage(found, PAGE);
    return { events, nextCursor: next?.receivedAt ?? null };
  });

  addRoute(app, ADMIN_EVENTS.show, async (c) => {
    await callers.operator(c);
    const { body, ...event } = await needEvent(c);
    return { ...event, body: body?.toString('base64') ?? null };
  });

  addRoute(app, ADMIN_EVENTS.replay, async (c) => {
    const operator = await callers.operator(c);
    const eventId = idOf(c);
    const outcome = await replayEvent(webhooks, eventId);
    logger.info({ eventId, operator, ...outcome }, 'an operator replays an event');
    const { payload: _, body: __, ...event } = await needEvent(c);
    return event;
  });

  async function needEvent(c: RequestContext) {
    const event = await showEvent(db, idOf(c));
    if (event === undefined) {
      throw new FlorinError('not_found', 'There is no such event.');
    }
    return event;
  }
}

function idOf(c: RequestContext): string {
  return c.req.param('id') ?? '';
}
