import type { SiteSettings } from '../../src/contract/index.ts';

/** Throws when the service does not answer as Florin. */
export async function loadConfig(): Promise<SiteSettings> {
  const response = await fetch('/api/config', { headers: { accept: 'application/json' } });
  if (!response.ok) {
    throw new Error(`The service answered ${response.status}.`);
  }
  return (await response.json()) as SiteSettings;
}
