import type { PlanSession } from '../contract/index.ts';
import { FlorinClientError } from './error.ts';
import type { Host } from './host.ts';
import { CHOICE_KEY, CHOICE_MINUTES, createChoiceStore, type PlanChoice } from './plan-choice.ts';
import { json, type Send } from './request.ts';

/** The name under which a hand-off carries the token, behind the address's `#`. */
export const HAND_OFF_PARAMETER = 'plan_session';

const PATH = '/api/plan-session';

export type PlanSessions = {
  /**
   * Remembers a plan for 15 minutes: in the service's cookie, and as a hint in this browser. Null
   * when the service could not be asked: the hint is kept and verified when it is next read.
   * Throws what the service refuses (`price_unknown`), and then remembers nothing.
   */
  rememberPlan(
    priceId: string,
    options?: { metadata?: Readonly<Record<string, string>> },
  ): Promise<PlanSession | null>;
  /** The remembered plan as the service verifies it now, or null when there is none. */
  readPlan(): Promise<PlanSession | null>;
  /** Forgets it here, in the other tabs and in the cookie. */
  forgetPlan(): Promise<void>;
  /** The unverified hint, at once: to preselect a card, never to decide anything. */
  planHint(): PlanChoice | null;
  /** Called when another tab remembers or forgets, or the back button restores this page. */
  onPlanChange(listener: () => void): () => void;
  /**
   * The address of a page on another domain that takes the remembered plan along. The token
   * travels behind `#`: browsers send that part to no server and put it in no referrer.
   */
  handOff(url: string): Promise<string>;
  /** The token of this page's plan session, for a checkout; null when there is none. */
  planToken(): string | null;
};

type Minted = { readonly token: string; readonly expiresAt: string } & Partial<PlanSession>;

export function createPlanSessions(host: Host, send: Send): PlanSessions {
  const choices = createChoiceStore(host);
  // The token is kept in this page's memory: any script of the origin could read it in storage.
  let minted: { token: string; expiresAt: string } | null = null;
  let carried: string | null = null;
  let accepting: Promise<PlanSession | null> | null = null;
  // After the back button the token may have become a checkout already.
  host.on('restored', () => {
    minted = null;
  });

  function planToken(): string | null {
    return minted !== null && Date.parse(minted.expiresAt) > host.now() ? minted.token : null;
  }

  async function post(body: { priceId: string; metadata?: object } | { token: string }) {
    const call = { path: PATH, method: 'POST', body, signedIn: false, cookies: true } as const;
    const answer = await json<Minted>(await send(call));
    minted = { token: answer.token, expiresAt: answer.expiresAt };
    return answer;
  }

  async function mint(choice: Omit<PlanChoice, 'expiresAt'>): Promise<PlanSession> {
    const answer = await post({ priceId: choice.priceId, metadata: choice.metadata });
    const session = toSession(answer, choice);
    choices.save({ ...choice, expiresAt: session.expiresAt });
    return session;
  }

  async function readCookie(): Promise<PlanSession | null> {
    try {
      const response = await send({ path: PATH, signedIn: false, cookies: true });
      if (response.status === 204) {
        return null;
      }
      const answer = await json<Partial<PlanSession> | null>(response);
      return answer?.priceId === undefined ? null : toSession(answer, { priceId: answer.priceId });
    } catch (error) {
      if (isRefusal(error)) {
        return null;
      }
      throw error;
    }
  }

  /** Takes the token of a hand-off out of the address, at once, and keeps it until it is answered. */
  function takeFromAddress(): void {
    const [page, fragment = ''] = host.address().split('#');
    const parameters = new URLSearchParams(fragment);
    const token = parameters.get(HAND_OFF_PARAMETER);
    if (token === null) {
      return;
    }
    carried = token;
    parameters.delete(HAND_OFF_PARAMETER);
    const rest = parameters.toString();
    host.replaceAddress(`${page}${rest === '' ? '' : `#${rest}`}`);
  }

  async function acceptHandOff(token: string): Promise<PlanSession | null> {
    try {
      const answer = await post({ token });
      const session = toSession(answer, { priceId: String(answer.priceId) });
      choices.save(session);
      carried = null;
      return session;
    } catch (error) {
      if (isRefusal(error)) {
        carried = null;
        return null;
      }
      throw error;
    }
  }

  async function readCarried(): Promise<PlanSession | null> {
    takeFromAddress();
    if (carried === null) {
      return null;
    }
    accepting ??= acceptHandOff(carried).finally(() => {
      accepting = null;
    });
    return accepting;
  }

  return {
    async rememberPlan(priceId, options = {}) {
      const choice = { priceId, metadata: options.metadata ?? {} };
      const expiresAt = new Date(host.now() + CHOICE_MINUTES * 60_000).toISOString();
      choices.save({ ...choice, expiresAt });
      try {
        return await mint(choice);
      } catch (error) {
        if (isRefusal(error)) {
          choices.clear();
          throw error;
        }
        return null;
      }
    },
    async readPlan() {
      const carried = (await readCarried()) ?? (await readCookie());
      const choice = carried === null ? choices.load() : null;
      if (choice === null) {
        return carried;
      }
      try {
        return await mint(choice);
      } catch (error) {
        if (isRefusal(error)) {
          choices.clear();
          return null;
        }
        throw error;
      }
    },
    async forgetPlan() {
      minted = null;
      choices.clear();
      const call = { path: PATH, method: 'DELETE', signedIn: false, cookies: true } as const;
      await send(call);
    },
    planHint: () => choices.load(),
    onPlanChange(listener) {
      const onStorage = (key: string | null) => {
        if (key === null || key === CHOICE_KEY) {
          minted = null;
          listener();
        }
      };
      const stops = [host.on('storage', onStorage), host.on('restored', () => listener())];
      return () => {
        for (const stop of stops) {
          stop();
        }
      };
    },
    async handOff(url) {
      const choice = planToken() === null ? choices.load() : null;
      if (choice !== null) {
        await mint(choice);
      }
      const token = planToken();
      if (token === null) {
        return url;
      }
      const [page, fragment = ''] = url.split('#');
      const parameters = new URLSearchParams(fragment);
      parameters.set(HAND_OFF_PARAMETER, token);
      return `${page}#${parameters}`;
    },
    planToken,
  };
}

/** The service understood and said no; anything else may succeed later. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof FlorinClientError)) {
    return false;
  }
  return error.status >= 400 && error.status < 500 && error.status !== 408 && error.status !== 429;
}

function toSession(
  answer: Partial<PlanSession>,
  choice: { priceId: string; metadata?: Readonly<Record<string, string>> },
): PlanSession {
  return {
    priceId: answer.priceId ?? choice.priceId,
    planType: answer.planType ?? '',
    metadata: answer.metadata ?? choice.metadata ?? {},
    expiresAt: String(answer.expiresAt),
  };
}
