import { createServer } from 'node:net';
import { DevError } from './surroundings.ts';

export type NeededPort = { readonly port: number; readonly what: string; readonly change: string };

/** Refuses, naming each, when a port that will be needed is taken: before anything was started. */
export async function requireFreePorts(host: string, needed: readonly NeededPort[]): Promise<void> {
  const taken: string[] = [];
  for (const { port, what, change } of needed) {
    if (!(await isFree(host, port))) {
      taken.push(`Port ${port} (${what}) is taken by another program: stop it, or ${change}.`);
    }
  }
  if (taken.length > 0) {
    throw new DevError('conflict', taken.join('\n'));
  }
}

async function isFree(host: string, port: number): Promise<boolean> {
  const probe = createServer();
  return await new Promise((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
