import { html } from 'hono/html';
import { noSuch } from '../api/errors.ts';
import type { LoggedRequest } from '../api/request-log.ts';
import type { World } from '../world.ts';
import { table } from './dashboard.ts';
import { document, type Html } from './html.ts';

const SHOWN = 200;

/** What was asked of the API lately, the newest first. */
export function requestsPage(world: World): Html {
  const requests = world.requests.all().slice(-SHOWN).reverse();
  return document(
    'Requests',
    html`<p><a href="/sandbox">Sandbox</a></p><h1>Requests</h1>
<section class="card">${table(['When', 'Status', 'Request', 'Took'], requests.map(row), 'Nothing was asked yet.')}</section>`,
  );
}

function row(request: LoggedRequest): Html {
  return html`<tr><td>${new Date(request.at).toISOString().slice(11, 19)}</td><td class="${request.status < 400 ? 'good' : 'bad'}">${String(request.status)}</td>
<td><a href="/sandbox/requests/${request.id}">${request.method} ${request.path}</a></td><td class="num">${request.milliseconds.toFixed(1)} ms</td></tr>`;
}

/** One request with what it said and what it was answered. */
export function requestPage(world: World, id: string): Html {
  const request = world.requests.all().find((one) => one.id === id);
  if (request === undefined) {
    throw noSuch('request', id);
  }
  return document(
    `${request.method} ${request.path}`,
    html`<p><a href="/sandbox/requests">Requests</a></p><h1>${request.method} ${request.path}</h1>
<p><span class="${request.status < 400 ? 'good' : 'bad'}">${String(request.status)}</span>, <code>${request.id}</code>, API version ${request.version}${request.idempotencyKey === null ? '' : html`, idempotency key <code>${request.idempotencyKey}</code>`}</p>
${request.ignored.length === 0 ? '' : html`<p class="notice bad" data-testid="ignored">The sandbox does not play ${request.ignored.join(', ')}: nothing came of it.</p>`}
<section class="card"><h2>Parameters</h2>${said(request)}</section>
<section class="card"><h2>Answer</h2><pre class="scroll" role="group" tabindex="0" aria-label="Answer">${request.answer}</pre></section>`,
  );
}

function said({ query, body }: LoggedRequest): Html {
  if (body.startsWith('{')) {
    return html`<pre class="scroll" role="group" tabindex="0" aria-label="Body">${body}</pre>`;
  }
  const pairs = [...new URLSearchParams([query, body].filter((part) => part !== '').join('&'))];
  return table(
    ['Name', 'Value'],
    pairs.map(([name, value]) => html`<tr><td><code>${name}</code></td><td>${value}</td></tr>`),
    'None.',
  );
}
