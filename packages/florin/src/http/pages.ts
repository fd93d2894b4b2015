import { createReadStream, existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import { Readable } from 'node:stream';
import { packageFile } from '../kernel/index.ts';
import type { RequestContext } from './context.ts';
import { pageHeaders } from './headers.ts';
import type { Parts } from './parts.ts';
import type { App } from './route.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};
/** Names of assets carry a hash of what is in them. */
const FOREVER = 'public, max-age=31536000, immutable';
const ASK_AGAIN = 'no-cache';

const PAGES: Readonly<Record<string, string>> = {
  '/': '/index.html',
  '/index.html': '/index.html',
  '/pricing': '/pricing.html',
  '/pricing.html': '/pricing.html',
  '/admin': '/admin.html',
  '/admin.html': '/admin.html',
};

/** The built pages and their assets, if they are there. */
export function addPages(app: App, { config, pagesDirectory }: Parts): void {
  const directory = pagesDirectory ?? builtPages();
  const headers = pageHeaders(config.supabase.url === undefined ? [] : [config.supabase.url]);
  if (directory === undefined) {
    return;
  }
  for (const [path, file] of Object.entries(PAGES)) {
    app.get(path, (c, next) => {
      c.set('route', path);
      return send(c, next, { directory, file, headers });
    });
  }
  app.get('/assets/*', (c, next) => {
    c.set('route', '/assets/*');
    return send(c, next, { directory, file: c.req.path, headers });
  });
  for (const file of ['/favicon.svg', '/robots.txt', '/third-party-notices.txt']) {
    app.get(file, (c, next) => {
      c.set('route', '/assets/*');
      return send(c, next, { directory, file, headers });
    });
  }
}

type Sending = { directory: string; file: string; headers: Readonly<Record<string, string>> };

async function send(
  c: RequestContext,
  next: () => Promise<void>,
  { directory, file, headers }: Sending,
): Promise<Response | undefined> {
  const path = join(directory, normalize(decodeURIComponent(file)));
  const found = path.startsWith(directory + sep) ? await stat(path).catch(() => null) : null;
  const type = TYPES[extname(path)];
  if (!found?.isFile() || type === undefined) {
    await next();
    return undefined;
  }
  const tag = `"${found.size.toString(36)}-${Math.trunc(found.mtimeMs).toString(36)}"`;
  const all = {
    ...headers,
    'content-type': type,
    'cache-control': file.startsWith('/assets/') ? FOREVER : ASK_AGAIN,
    etag: tag,
  };
  if (c.req.header('if-none-match') === tag) {
    return new Response(null, { status: 304, headers: all });
  }
  const body =
    c.req.method === 'HEAD'
      ? null
      : (Readable.toWeb(createReadStream(path)) as unknown as ReadableStream);
  return new Response(body, { headers: { ...all, 'content-length': String(found.size) } });
}

function builtPages(): string | undefined {
  const directory = packageFile('dist', 'web');
  return existsSync(join(directory, 'pricing.html')) ? directory : undefined;
}
