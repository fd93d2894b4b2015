/** `GET /api/config`: what the pages need to know of this deployment. */
export type SiteConfig = {
  readonly supabaseUrl: string | null;
  readonly supabasePublishableKey: string | null;
  /** The one origin where buyers sign in and return to. */
  readonly appUrl: string;
  readonly development: boolean;
};

/** Throws when the service does not answer as Florin. */
export async function loadConfig(): Promise<SiteConfig> {
  const response = await fetch('/api/config', { headers: { accept: 'application/json' } });
  if (!response.ok) {
    throw new Error(`The service answered ${response.status}.`);
  }
  return (await response.json()) as SiteConfig;
}
