import { hash, timingSafeEqual } from 'node:crypto';
import type { Operation } from '../contract/index.ts';
import type { MemberRole } from '../kernel/index.ts';
import { checkRole, chosenAccount, type RoleOf } from './acting.ts';
import { uuidOf } from './body.ts';
import type { RequestContext } from './context.ts';
import type { Limits, RateLimits } from './rate-limits.ts';
import { RequestError } from './request-error.ts';
import type { Buyer, UserTokens } from './user-token.ts';

/** A signed-in user who acts for an account: their own, or one that they are a member of. */
export type Acting = Buyer & {
  readonly accountId: string;
  readonly role: MemberRole;
};
/** The account that the server key acts for; undefined where the request names none. */
export type Server = { readonly kind: 'server'; readonly accountId: string | undefined };
export type Caller = ({ readonly kind: 'buyer' } & Acting) | Server;

/** Who manages an account: a user with a role in it, an operator, or the server key. */
export type Manager = {
  readonly accountId: string;
  /** The user, whose role then decides; undefined for those who may do all. */
  readonly userId: string | undefined;
  readonly role: MemberRole;
};

export type Callers = {
  /**
   * A signed-in user, for the account that the request chooses, with the role that the operation asks for. Their
   * requests are counted. The server key has no account and is `forbidden`.
   */
  buyer(c: RequestContext, operation: Operation, limit?: keyof Limits): Promise<Acting>;
  /** The server key. Synchronous, since every spend passes it. A user is `forbidden`. */
  server(c: RequestContext): Promise<void> | undefined;
  /** A signed-in user, as `buyer`, or the server key. */
  buyerOrServer(c: RequestContext, operation: Operation, limit?: keyof Limits): Promise<Caller>;
  /** Whoever may manage the account in the path: a member with the role that the operation asks for, an operator, the server key. */
  manager(c: RequestContext, operation: Operation): Promise<Manager>;
  /** A signed-in user, whose accounts the caller of this looks at; an operator or the server key, who may do all. */
  anyone(c: RequestContext): Promise<{ readonly userId: string | undefined; readonly by: string }>;
  /** A user whose app_metadata says so, or the server key: who acts, for the log. */
  operator(c: RequestContext): Promise<string>;
};

const BEARER = /^Bearer +([^\s,]+)$/i;

/** Identifies callers. Each failure counts against the caller's address, a success never does. */
export function createCallers(options: {
  serverKeys: readonly string[];
  userTokens: UserTokens;
  roleOf: RoleOf;
  rateLimits: RateLimits;
  /** Counts a refused credential; throws `rate_limited` when there were too many. */
  onRefused: (c: RequestContext) => Promise<void>;
}): Callers {
  const { userTokens, roleOf, rateLimits, onRefused } = options;
  const digests = options.serverKeys.map(digest);

  /** Takes the same time whatever was sent, because it compares with every key. */
  function isServerKey(candidate: string): boolean {
    const given = digest(candidate);
    let found = false;
    for (const known of digests) {
      found = timingSafeEqual(given, known) || found;
    }
    return found;
  }

  function tokenOf(c: RequestContext): string | undefined {
    return BEARER.exec(c.req.header('authorization') ?? '')?.[1];
  }

  /** The signed-in user, or the server. */
  async function identify(c: RequestContext): Promise<Buyer | 'server'> {
    const token = tokenOf(c);
    if (token === undefined) {
      throw new RequestError(
        'unauthenticated',
        'Send an access token in the header Authorization: Bearer ….',
        { details: { reason: 'missing' } },
      );
    }
    if (isServerKey(token)) {
      return 'server';
    }
    try {
      const buyer = await userTokens.verify(token);
      c.set('accountId', buyer.userId);
      return buyer;
    } catch (error) {
      if (error instanceof RequestError && error.code === 'unauthenticated') {
        await onRefused(c);
      }
      throw error;
    }
  }

  /** The user in the role that the operation asks for; one that names no role is about users themselves. */
  async function actFor(
    c: RequestContext,
    buyer: Buyer,
    { operation, limit }: { operation: Operation; limit: keyof Limits },
  ): Promise<Acting> {
    const { userId } = buyer;
    await rateLimits.take(limit, userId);
    const { role: required } = operation;
    const accountId = (required && chosenAccount(c, operation)) ?? userId;
    const role = await checkRole(roleOf, { accountId, userId }, required ?? 'owner');
    c.set('accountId', accountId);
    // What belongs to an account that several share is not found by the address of one of them.
    return { ...buyer, accountId, role, email: accountId === userId ? buyer.email : undefined };
  }

  async function refuseOthers(c: RequestContext): Promise<void> {
    await identify(c);
    throw new RequestError('forbidden', 'This is for your server, with FLORIN_SECRET_KEY.', {
      details: { reason: 'server_only' },
    });
  }

  return {
    async buyer(c, operation, limit = 'buyer') {
      const caller = await identify(c);
      if (caller === 'server') {
        const message = 'This is for signed-in users; servers use /api/accounts/{id}.';
        throw new RequestError('forbidden', message, { details: { reason: 'user_only' } });
      }
      return actFor(c, caller, { operation, limit });
    },
    server(c) {
      const token = tokenOf(c);
      return token !== undefined && isServerKey(token) ? undefined : refuseOthers(c);
    },
    async buyerOrServer(c, operation, limit = 'buyer') {
      const caller = await identify(c);
      return caller === 'server'
        ? { kind: 'server', accountId: chosenAccount(c, operation) }
        : { kind: 'buyer', ...(await actFor(c, caller, { operation, limit })) };
    },
    async manager(c, operation) {
      const caller = await identify(c);
      if (caller === 'server' || caller.isOperator) {
        return { accountId: uuidOf(c, 'id'), userId: undefined, role: 'owner' };
      }
      const { accountId, userId, role } = await actFor(c, caller, { operation, limit: 'buyer' });
      return { accountId, userId, role };
    },
    async anyone(c) {
      const caller = await identify(c);
      if (caller === 'server') {
        return { userId: undefined, by: 'server' };
      }
      await rateLimits.take('buyer', caller.userId);
      return { userId: caller.isOperator ? undefined : caller.userId, by: caller.userId };
    },
    async operator(c) {
      const caller = await identify(c);
      if (caller === 'server') {
        return 'server';
      }
      if (!caller.isOperator) {
        throw new RequestError('forbidden', 'This is for operators.', {
          details: { reason: 'operator_only' },
        });
      }
      return caller.userId;
    },
  };
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

/** Refuses anonymous users: what they buy would be lost with their browser (docs/decisions/0032). */
export function refuseAnonymous(caller: Caller, anonymousBuyers: boolean): void {
  if (caller.kind === 'buyer' && caller.isAnonymous && !anonymousBuyers) {
    throw new RequestError(
      'forbidden',
      'Create an account before buying, so that it can be found again.',
      { details: { reason: 'anonymous_user' } },
    );
  }
}
