import { PLAN_SESSION_SECONDS } from './token.ts';

const NAME = 'plan_session';
const HOST_NAME = `__Host-${NAME}`;

export type PlanCookie = {
  /** The value of Set-Cookie that keeps a token as long as it is valid. */
  keep(token: string): string;
  /** The values of Set-Cookie that forget it. */
  forget(): readonly string[];
  /** The token in a Cookie header, if there is one. */
  find(header: string | undefined): string | undefined;
};

/**
 * The plan session's cookie: `plan_session` for the subdomains of COOKIE_DOMAIN, else
 * `__Host-plan_session`, which no subdomain and no plain http page can plant (RFC 6265bis 4.1.3).
 * Scripts cannot read it, and it travels with no cross-site request but a link. Browsers treat
 * localhost as secure; where one does not (Safari), the page's own memory takes over.
 */
export function createPlanCookie(domain: string | undefined): PlanCookie {
  const name = domain === undefined ? HOST_NAME : NAME;
  const guards = 'Path=/; HttpOnly; Secure; SameSite=Lax';
  const scope = domain === undefined ? guards : `${guards}; Domain=${domain}`;
  const gone = `Max-Age=0; ${scope}`;
  return {
    keep: (token) => `${name}=${token}; Max-Age=${PLAN_SESSION_SECONDS}; ${scope}`,
    forget: () => [`${name}=; ${gone}`],
    find(header) {
      const pairs = (header ?? '').split(';').map((pair) => {
        const at = pair.indexOf('=');
        return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()] as const;
      });
      const value = (wanted: string) => pairs.find(([each]) => each === wanted)?.[1];
      // Both names are read: the token inside is signed, so a planted one is at worst another plan.
      const token = value(HOST_NAME) ?? value(NAME);
      return token === '' ? undefined : token;
    },
  };
}
