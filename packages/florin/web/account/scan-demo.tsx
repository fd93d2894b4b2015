import { type FormEvent, useId, useState } from 'react';
import { Button } from '../frame/button.tsx';
import { credits } from '../frame/format.ts';
import { useSite } from '../session/context.tsx';

type ScanState =
  | { readonly state: 'idle' | 'busy' }
  | { readonly state: 'done'; readonly pages: number; readonly available: number }
  | { readonly state: 'failed'; readonly message: string; readonly short: boolean };

/** Development only: a pretended scan, so that there is something to spend credits on. */
export function ScanDemo({ onScanned }: { onScanned: () => void }) {
  const { store } = useSite();
  const id = useId();
  const [scan, setScan] = useState<ScanState>({ state: 'idle' });

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const pages = Number(new FormData(event.currentTarget).get('pages'));
    setScan({ state: 'busy' });
    const token = await store.getAccessToken({ refresh: false });
    const result = await requestScan(pages, token);
    setScan(result);
    if (result.state === 'done') {
      onScanned();
    }
  }

  return (
    <section className="part scan-part" aria-labelledby="scan-title">
      <h2 id="scan-title">Try a scan</h2>
      <form className="scan" onSubmit={submit}>
        <div className="field">
          <label htmlFor={id}>Pages</label>
          <input id={id} name="pages" type="number" min={1} max={500} defaultValue={3} required />
          <span className="hint">One credit a page.</span>
        </div>
        <Button type="submit" busy={scan.state === 'busy'}>
          {scan.state === 'busy' ? 'Reading…' : 'Scan'}
        </Button>
        <div role="status" className={scan.state === 'done' ? 'scan-result' : undefined}>
          {scan.state === 'done'
            ? `${scan.pages} ${scan.pages === 1 ? 'page' : 'pages'} read. ${credits(scan.available)} left.`
            : null}
        </div>
        {scan.state === 'failed' ? (
          <p className="form-error small" role="alert">
            {scan.message} {scan.short ? <a href="/pricing.html">Buy credits</a> : null}
          </p>
        ) : null}
      </form>
    </section>
  );
}

async function requestScan(pages: number, token: string | null): Promise<ScanState> {
  try {
    const response = await fetch('/api/demo/scan', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${token ?? ''}`,
        'idempotency-key': crypto.randomUUID(),
      },
      body: JSON.stringify({ pages }),
      signal: AbortSignal.timeout(20_000),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) {
      const short = answer['code'] === 'insufficient_credits';
      const message = short
        ? 'There are not enough credits for that many pages.'
        : String(answer['detail'] ?? answer['title'] ?? 'The scan failed.');
      return { state: 'failed', message, short };
    }
    return { state: 'done', pages, available: Number(answer['available']) };
  } catch {
    const message = 'The service could not be reached. No credits were used.';
    return { state: 'failed', message, short: false };
  }
}
