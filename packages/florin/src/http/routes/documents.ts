import { readFileSync } from 'node:fs';
import type { Credit } from '../../credit/index.ts';
import { AMOUNT } from '../../kernel/index.ts';
import { API_HEADERS, json, pageHeaders } from '../headers.ts';
import type { App } from '../route.ts';
import { renderDocs } from './docs-page.ts';

type Document = ReturnType<App['getOpenAPI31Document']>;

/** Adds `/openapi.json`, and `/docs`, which shows it to people and loads nothing from elsewhere. */
export function addDocuments(app: App, credit: Credit): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'user', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: "A signed-in user's Supabase access token",
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'server', {
    type: 'http',
    scheme: 'bearer',
    description: 'FLORIN_SECRET_KEY',
  });
  let document: Document | undefined;
  const read = () => {
    document ??= describeCredits(
      credit,
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {
          title: 'Florin',
          version: packageVersion(),
          description:
            'Prepaid credits for Supabase + Stripe. Errors are RFC 9457 problem documents with a stable `code`.',
        },
      }),
    );
    return document;
  };
  app.get('/openapi.json', (c) => {
    c.set('route', '/openapi.json');
    return json(read());
  });
  let page: { html: string; style: string } | undefined;
  const rendered = () => {
    page ??= renderDocs(read());
    return page;
  };
  app.get('/docs', (c) => {
    c.set('route', '/docs');
    return new Response(rendered().html, {
      headers: { ...pageHeaders([]), 'content-type': 'text/html; charset=utf-8' },
    });
  });
  app.get('/docs/style.css', (c) => {
    c.set('route', '/docs');
    return new Response(rendered().style, {
      headers: { ...API_HEADERS, 'content-type': 'text/css; charset=utf-8' },
    });
  });
}

/** Where credits have decimals, each amount is a number or a decimal text: the schemas say so. */
function describeCredits(credit: Credit, document: Document): Document {
  if (credit.decimals === 0) {
    return document;
  }
  const decimal = `^-?\\d+(\\.\\d{1,${credit.decimals}})?$`;
  return JSON.parse(JSON.stringify(document), (_name, value) => {
    if (value?.format !== AMOUNT.format || value.type === undefined) {
      return value;
    }
    const { minimum: _, maximum: __, ...kept } = value;
    const mayBeNull = [value.type].flat().includes('null');
    const type = ['number', 'string', ...(mayBeNull ? ['null'] : [])];
    return { ...kept, type, pattern: decimal };
  });
}

/** Reads package.json, which lies at the same distance from the sources and from the built code. */
export function packageVersion(): string {
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
