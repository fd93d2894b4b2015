import type { Host, Signal } from '../../src/browser/index.ts';

export type Asked = {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly credentials: string | undefined;
  readonly body: unknown;
};

export type Answer = (asked: Asked, signal: AbortSignal) => Response | Promise<Response>;

/** A browser without a DOM: a clock that tests move, storage that can fail, signals on demand. */
export class FakeHost implements Host {
  time = Date.parse('2026-11-23T12:00:00Z');
  hidden = false;
  url = 'https://shop.example/pricing.html';
  readonly asked: Asked[] = [];
  answer: Answer = () => new Response(null, { status: 204 });
  stored: Map<string, string> | 'blocked' | 'full' | 'absent' = new Map();
  readonly #timers = new Set<{ at: number; work: () => void }>();
  readonly #listeners = new Set<{ signal: Signal; listener: (key: string | null) => void }>();

  async fetch(url: string, init: RequestInit): Promise<Response> {
    const asked: Asked = {
      method: init.method ?? 'GET',
      path: url,
      headers: init.headers as Record<string, string>,
      credentials: init.credentials,
      body: init.body === undefined ? undefined : JSON.parse(String(init.body)),
    };
    this.asked.push(asked);
    const signal = init.signal as AbortSignal;
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(new DOMException('aborted', 'AbortError'));
      signal.addEventListener('abort', onAbort);
      Promise.resolve(this.answer(asked, signal)).then(resolve, reject);
    });
  }

  storage(): ReturnType<Host['storage']> {
    const stored = this.stored;
    if (stored === 'absent') {
      return null;
    }
    const map = () => {
      if (stored === 'blocked') {
        throw new DOMException('denied', 'SecurityError');
      }
      return stored === 'full' ? new Map<string, string>() : stored;
    };
    return {
      getItem: (key) => map().get(key) ?? null,
      setItem: (key, value) => {
        if (stored === 'full') {
          throw new DOMException('full', 'QuotaExceededError');
        }
        map().set(key, value);
      },
      removeItem: (key) => {
        map().delete(key);
      },
    };
  }

  now(): number {
    return this.time;
  }

  random(): number {
    return 0.5;
  }

  after(ms: number, work: () => void): () => void {
    const timer = { at: this.time + ms, work };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  isHidden(): boolean {
    return this.hidden;
  }

  address(): string {
    return this.url;
  }

  replaceAddress(address: string): void {
    this.url = address;
  }

  on(signal: Signal, listener: (key: string | null) => void): () => void {
    const entry = { signal, listener };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  emit(signal: Signal, key: string | null = null): void {
    for (const entry of [...this.#listeners]) {
      if (entry.signal === signal) {
        entry.listener(key);
      }
    }
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** Lets promises settle, then moves the clock, running what is due in order. */
  async pass(ms: number): Promise<void> {
    await settle();
    const until = this.time + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) {
        break;
      }
      this.#timers.delete(due);
      this.time = due.at;
      due.work();
      await settle();
    }
    this.time = until;
  }
}

/** Runs what the promises so far lead to; the answers of these tests need no real time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

export function answerJson(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' },
  });
}

export function problem(
  status: number,
  code: string,
  more: Record<string, unknown> = {},
): Response {
  return answerJson(
    { type: 'about:blank', title: 'No', status, code, detail: `It is ${code}.`, ...more },
    status,
  );
}
