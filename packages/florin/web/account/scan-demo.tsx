import { type FormEvent, useId, useState } from 'react';
import { useChosenAccount } from '../../src/react/index.ts';
import { Button } from '../frame/button.tsx';
import { credits } from '../frame/format.ts';
import { useSite } from '../session/context.tsx';

type ScanState =
  | { readonly state: 'idle' | 'busy' }
  | {
      readonly state: 'done';
      readonly pages: number;
      readonly used: number;
      readonly available: number;
    }
  | { readonly state: 'failed'; readonly message: string; readonly short: boolean };

/** Development only: a pretended scan, so that there is something to spend credits on. */
export function ScanDemo({ onScanned }: { onScanned: () => void }) {
  const { store } = useSite();
  const { accountId } = useChosenAccount();
  const id = useId();
  const [scan, setScan] = useState<ScanState>({ state: 'idle' });

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const wanted = { pages: Number(form.get('pages')), vision: form.get('vision') === 'on' };
    setScan({ state: 'busy' });
    const token = await store.getAccessToken({ refresh: false });
    const result = await requestScan(wanted, { token, accountId });
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
          <span className="hint">One credit a page, three with vision.</span>
        </div>
        <label className="agree">
          <input name="vision" type="checkbox" />
          <span>Read with vision</span>
        </label>
        <Button type="submit" busy={scan.state === 'busy'}>
          {scan.state === 'busy' ? 'Reading…' : 'Scan'}
        </Button>
        <div role="status" className={scan.state === 'done' ? 'scan-result' : undefined}>
          {scan.state === 'done'
            ? `${scan.pages} ${scan.pages === 1 ? 'page' : 'pages'} read for ${credits(scan.used)}. ${credits(scan.available)} left.`
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

async function requestScan(
  wanted: { pages: number; vision: boolean },
  as: { token: string | null; accountId: string | null },
): Promise<ScanState> {
  try {
    const response = await fetch('/api/demo/scan', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${as.token ?? ''}`,
        ...(as.accountId === null ? {} : { 'florin-account': as.accountId }),
        'idempotency-key': crypto.randomUUID(),
      },
      body: JSON.stringify(wanted),
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
    const { credits: used, available } = answer;
    return { state: 'done', pages: wanted.pages, used: Number(used), available: Number(available) };
  } catch {
    const message = 'The service could not be reached. No credits were used.';
    return { state: 'failed', message, short: false };
  }
}
