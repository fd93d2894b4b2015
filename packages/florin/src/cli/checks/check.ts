/** One thing that `florin doctor` looked at. */
export type Check = {
  /** Stable, for programs: `database.version`. */
  readonly name: string;
  /** `warning` works but deserves a look; `fault` does not work. */
  readonly status: 'ok' | 'warning' | 'fault';
  /** What was found, without any secret. */
  readonly found: string;
  /** What to do about it; empty when all is well. */
  readonly mend: string;
};

export function ok(name: string, found: string): Check {
  return { name, status: 'ok', found, mend: '' };
}

export function warning(name: string, found: string, mend: string): Check {
  return { name, status: 'warning', found, mend };
}

export function fault(name: string, found: string, mend: string): Check {
  return { name, status: 'fault', found, mend };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
