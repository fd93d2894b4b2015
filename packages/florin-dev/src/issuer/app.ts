import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import { z } from 'zod';
import type { Logger } from '../surroundings.ts';
import { openSession, refreshSession, revokeSession, type Sessions } from './sessions.ts';
import { AuthError, showUser, signIn, signUp, signUpAnonymously } from './users.ts';

const MAX_BODY = 16 * 1024;
const data = z.record(z.string(), z.unknown()).default({});
const credentials = z.object({ email: z.string(), password: z.string(), data });
const anonymous = z.object({ data });
const refresh = z.object({ refresh_token: z.string() });

/** The HTTP side, in the words of GoTrue: `{code, error_code, msg}` where it refuses. */
export function createIssuerApp(sessions: Sessions, logger: Logger): Hono {
  const app = new Hono().basePath('/auth/v1');
  app.use('*', cors({ origin: '*', allowHeaders: ALLOWED_HEADERS, maxAge: 600 }));
  app.use('*', bodyLimit({ maxSize: MAX_BODY }));
  app.get('/.well-known/jwks.json', (context) => {
    context.header('cache-control', 'public, max-age=600');
    return context.json(sessions.signer.jwks);
  });
  app.get('/health', (context) => context.json({ name: 'Florin development sign-in' }));
  app.get('/settings', (context) =>
    context.json({ external: { email: true, anonymous_users: true }, disable_signup: false }),
  );
  app.post('/signup', async (context) => context.json(await register(sessions, context)));
  app.post('/token', async (context) => context.json(await exchange(sessions, context)));
  app.get('/user', async (context) => {
    const { userId } = await sessions.signer.verify(bearerOf(context));
    const user = sessions.users.get(userId);
    if (user === undefined) {
      throw new AuthError(403, 'user_not_found', 'User from sub claim in JWT does not exist');
    }
    return context.json(showUser(user));
  });
  app.post('/logout', async (context) => {
    const { sessionId } = await sessions.signer.verify(bearerOf(context));
    revokeSession(sessions, sessionId);
    return context.body(null, 204);
  });
  app.notFound((context) => refuse(context, new AuthError(404, 'not_found', 'Not found')));
  app.onError((error, context) => {
    if (error instanceof AuthError) {
      return refuse(context, error);
    }
    if (error instanceof z.ZodError || error instanceof SyntaxError) {
      return refuse(
        context,
        new AuthError(400, 'validation_failed', 'The body is not as expected'),
      );
    }
    logger.error({ error: String(error) }, 'the development sign-in failed');
    return refuse(context, new AuthError(500, 'unexpected_failure', 'Unexpected failure'));
  });
  return app;
}

const ALLOWED_HEADERS = [
  'authorization',
  'apikey',
  'content-type',
  'x-client-info',
  'x-supabase-api-version',
];

/** An address and a password, or neither: an anonymous sign-in. */
async function register(sessions: Sessions, context: Context): Promise<object> {
  const body: unknown = await context.req.json();
  const given = credentials.safeParse(body);
  if (given.success) {
    return openSession(sessions, await signUp(sessions, given.data), 'password');
  }
  const mentions = body !== null && typeof body === 'object' && 'email' in body;
  if (mentions) {
    throw new AuthError(400, 'validation_failed', 'Signup requires a valid email and password');
  }
  const user = signUpAnonymously(sessions, anonymous.parse(body).data);
  return openSession(sessions, user, 'anonymous');
}

async function exchange(sessions: Sessions, context: Context): Promise<object> {
  const body: unknown = await context.req.json();
  switch (context.req.query('grant_type')) {
    case 'password':
      return openSession(sessions, await signIn(sessions, credentials.parse(body)), 'password');
    case 'refresh_token':
      return refreshSession(sessions, refresh.parse(body).refresh_token);
    default:
      throw new AuthError(400, 'unsupported_grant_type', 'unsupported_grant_type');
  }
}

function bearerOf(context: Context): string {
  const [scheme, token] = context.req.header('authorization')?.split(' ') ?? [];
  if (scheme?.toLowerCase() !== 'bearer' || token === undefined) {
    throw new AuthError(401, 'no_authorization', 'This endpoint requires a Bearer token');
  }
  return token;
}

function refuse(context: Context, error: AuthError): Response {
  return context.json(
    { code: error.status, error_code: error.code, msg: error.message },
    error.status as 400,
  );
}
