import type {
  Balance,
  BalanceReport,
  CheckoutSession,
  CheckoutStatus,
  Credits,
  CurrentPlan,
  GroupedUsage,
  Member,
  MemberPage,
  MemberRole,
  OwnAccountPage,
  Plan,
  PlanChanged,
  PlanChangeInput,
  PlanChangePreview,
  TopUpState,
  TopUpTerms,
  TransactionPage,
  Usage,
  UsageGrouping,
} from '../contract/index.ts';
import { createWatchBalance, type WatchOptions } from './balance-watch.ts';
import { type CheckoutInput, createCheckout, verified } from './checkout.ts';
import { browserHost, type Host } from './host.ts';
import { createPlanSessions, type PlanSessions } from './plan-session.ts';
import { createSend, type GetAccessToken, json } from './request.ts';

export type FlorinClientOptions = {
  /** Where the service is; default: this page's own origin. */
  readonly baseUrl?: string;
  /** With supabase-js: `async () => (await supabase.auth.getSession()).data.session?.access_token ?? null`. */
  readonly getAccessToken?: GetAccessToken;
  /** An account that the user is a member of, which all of this is then about; default: their own. */
  readonly accountId?: string;
  /** For tests and unusual places; default: the browser. */
  readonly host?: Host;
};

export type FlorinClient = PlanSessions & {
  /** What is on sale. Anyone may ask. */
  plans(): Promise<readonly Plan[]>;
  /** Starts a checkout; send the buyer to `url`. A second click gets the first session. */
  checkout(input: CheckoutInput): Promise<CheckoutSession>;
  /** What became of a checkout. The service settles a paid one itself when the webhook is late. */
  checkoutStatus(sessionId: string): Promise<CheckoutStatus>;
  /** The address of Stripe's page for invoices, cards and subscriptions. */
  portal(): Promise<{ readonly url: string }>;
  /** The plans that the account has. */
  subscriptions(): Promise<readonly CurrentPlan[]>;
  /** What another plan would cost now and do to the credits. Changes nothing. */
  previewPlan(input: PlanChangeInput): Promise<PlanChangePreview>;
  /** Changes the plan as the preview with this token has shown, or not at all. Repeatable. */
  changePlan(preview: string): Promise<PlanChanged>;
  balance(): Promise<BalanceReport>;
  /** A page of the ledger, newest first. */
  transactions(options?: { cursor?: string | null }): Promise<TransactionPage>;
  /** Credits spent and granted by UTC day, both days included (YYYY-MM-DD). */
  usage(range?: { from?: string; to?: string }): Promise<Usage>;
  /** Credits spent, by any of day, meter, feature and actor; only groups that used something. */
  usage(range: { from?: string; to?: string; by: readonly UsageGrouping[] }): Promise<GroupedUsage>;
  /** Auto top-up: what is agreed to, and the latest purchases. */
  topUp(): Promise<TopUpState>;
  /** Agrees, for a buyer who was shown these terms and said yes. Paused until a card is saved. */
  agreeToTopUp(terms: TopUpTerms): Promise<TopUpState>;
  /** The address of Stripe's page that saves a card; it returns with `top_up=card_saved`. */
  saveCard(): Promise<{ readonly url: string }>;
  /** Goes on: with the card that this page has just saved, or with the one on file. */
  resumeTopUp(sessionId?: string | null): Promise<TopUpState>;
  stopTopUp(): Promise<TopUpState>;
  /** The same client for an account that the user is a member of; null: for their own. */
  actFor(accountId: string | null): FlorinClient;
  /** The accounts that the user is a member of; their own comes first. */
  accounts(page?: { cursor?: string | null }): Promise<OwnAccountPage>;
  /** For admins: who is in the account, what each may use and has used in this month. */
  members(accountId: string, page?: { cursor?: string | null }): Promise<MemberPage>;
  member(accountId: string, userId: string): Promise<Member>;
  /** Adds a member, or gives one another role. Repeatable. */
  setMember(accountId: string, userId: string, role: MemberRole): Promise<Member>;
  /** Removes a member; anyone may remove themselves. */
  removeMember(accountId: string, userId: string): Promise<void>;
  /**
   * The most credits that a member may use in a month (`*`: each member); null: as many as there are. Months are
   * calendar months of `timeZone` (an IANA name, default UTC).
   */
  limitMember(
    accountId: string,
    userId: string,
    credits: Credits | null,
    timeZone?: string,
  ): Promise<void>;
  /** The balance now and after each change, until the returned function is called. */
  watchBalance(onBalance: (balance: Balance) => void, options?: WatchOptions): () => void;
};

/** The browser's side of Florin. No dependency, no work before the first call. */
export function createFlorinClient(options: FlorinClientOptions = {}): FlorinClient {
  const host = options.host ?? browserHost();
  const send = createSend({
    host,
    baseUrl: (options.baseUrl ?? '').replace(/\/+$/, ''),
    getAccessToken: options.getAccessToken ?? (() => null),
    accountId: options.accountId,
  });
  const topUp = '/api/top-up';
  const accountPath = (accountId: string, rest: string) =>
    `/api/accounts/${encodeURIComponent(accountId)}/${rest}`;
  const memberPath = (accountId: string, userId: string) =>
    accountPath(accountId, `members/${encodeURIComponent(userId)}`);
  const post = async <T>(path: string, body: unknown) => ask<T>({ path, method: 'POST', body });
  const ask = async <T>(call: Parameters<typeof send>[0]) => json<T>(await send(call));

  return {
    ...createPlanSessions(host, send),
    async plans() {
      return (await ask<{ plans: readonly Plan[] }>({ path: '/api/plans', signedIn: false })).plans;
    },
    checkout: createCheckout(host, send),
    checkoutStatus: (sessionId) =>
      ask({ path: `/api/checkout-sessions/${encodeURIComponent(sessionId)}` }),
    portal: async () => verified(await post<{ url: string }>('/api/create-portal-session', {})),
    async subscriptions() {
      const path = '/api/subscriptions';
      return (await ask<{ subscriptions: readonly CurrentPlan[] }>({ path })).subscriptions;
    },
    previewPlan: (input) => post('/api/change-plan/preview', input),
    changePlan: (preview) => post('/api/change-plan', { preview }),
    topUp: () => ask({ path: topUp }),
    agreeToTopUp: (terms) => post(topUp, { ...terms, consent: true }),
    saveCard: async () => verified(await post<{ url: string }>(`${topUp}/payment-method`, {})),
    resumeTopUp: (sessionId) => post(`${topUp}/resume`, sessionId == null ? {} : { sessionId }),
    stopTopUp: () => ask({ path: topUp, method: 'DELETE' }),
    balance: () => ask({ path: '/api/balance' }),
    transactions: (page = {}) => ask({ path: '/api/transactions', query: { cursor: page.cursor } }),
    usage: ({ from, to, by }: { from?: string; to?: string; by?: readonly UsageGrouping[] } = {}) =>
      ask<never>({ path: '/api/usage', query: { from, to, by: by?.join(',') } }),
    actFor(accountId) {
      const { accountId: _, ...rest } = options;
      return createFlorinClient({ ...rest, host, ...(accountId === null ? {} : { accountId }) });
    },
    accounts: (page = {}) => ask({ path: '/api/accounts', query: { cursor: page.cursor } }),
    members: (accountId, page = {}) =>
      ask({ path: accountPath(accountId, 'members'), query: { cursor: page.cursor } }),
    member: (accountId, userId) => ask({ path: memberPath(accountId, userId) }),
    setMember: (accountId, userId, role) =>
      ask({ path: memberPath(accountId, userId), method: 'PUT', body: { role } }),
    async removeMember(accountId, userId) {
      await send({ path: memberPath(accountId, userId), method: 'DELETE' });
    },
    async limitMember(accountId, userId, credits, timeZone) {
      const path = accountPath(accountId, 'limits');
      const scope = { window: 'month', actor: userId };
      await (credits === null
        ? send({ path, method: 'DELETE', query: scope })
        : send({ path, method: 'PUT', body: { ...scope, credits, timeZone } }));
    },
    watchBalance: createWatchBalance(host, send),
  };
}
