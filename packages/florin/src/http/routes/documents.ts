import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi';
import type { z } from 'zod';
import { type Operation, problem } from '../../contract/index.ts';
import type { Credit } from '../../credit/index.ts';
import { AMOUNT, packageVersion } from '../../kernel/index.ts';
import { CHOICE, hasAccountInPath } from '../acting.ts';
import { API_HEADERS, json, pageHeaders } from '../headers.ts';
import type { App } from '../route.ts';
import { renderDocs } from './docs-page.ts';

type Document = ReturnType<OpenAPIHono['getOpenAPI31Document']>;

/** Adds `/openapi.json`, and `/docs`, which shows it to people and loads nothing from elsewhere. */
export function addDocuments(app: App, credit: Credit): void {
  let document: Promise<Document> | undefined;
  const read = () => {
    document ??= describe(app.operations, credit);
    return document;
  };
  app.get('/openapi.json', async (c) => {
    c.set('route', '/openapi.json');
    return json(await read());
  });
  let page: { html: string; style: string } | undefined;
  const rendered = async () => {
    page ??= renderDocs(await read());
    return page;
  };
  app.get('/docs', async (c) => {
    c.set('route', '/docs');
    return new Response((await rendered()).html, {
      headers: { ...pageHeaders([]), 'content-type': 'text/html; charset=utf-8' },
    });
  });
  app.get('/docs/style.css', async (c) => {
    c.set('route', '/docs');
    return new Response((await rendered()).style, {
      headers: { ...API_HEADERS, 'content-type': 'text/css; charset=utf-8' },
    });
  });
}

/** What writes the document is loaded here, since few ever read it. */
async function describe(operations: readonly Operation[], credit: Credit): Promise<Document> {
  const { OpenAPIHono } = await import('@hono/zod-openapi');
  const described = new OpenAPIHono();
  described.openAPIRegistry.registerComponent('securitySchemes', 'user', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: "A signed-in user's Supabase access token",
  });
  described.openAPIRegistry.registerComponent('securitySchemes', 'server', {
    type: 'http',
    scheme: 'bearer',
    description: 'FLORIN_SECRET_KEY',
  });
  for (const operation of operations) {
    described.openAPIRegistry.registerPath(toDocumented(operation));
  }
  const document = described.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Florin',
      version: packageVersion(),
      description:
        'Prepaid credits for Supabase + Stripe. Errors are RFC 9457 problem documents with a stable `code`.',
    },
  });
  return describeCredits(credit, document);
}

const ROLE_PROBLEMS = '`not_a_member`, or `role_too_low` (`role`, `required`)';

function withChoice(choice: z.ZodObject, own: z.ZodObject | undefined): z.ZodObject {
  return choice.extend(own?.shape ?? {});
}

function toDocumented(operation: Operation): RouteConfig {
  const { method, path, summary, tag, callers, params, body, bodyOptional } = operation;
  const isChosen = operation.role !== undefined && !hasAccountInPath(operation);
  const query = isChosen ? withChoice(CHOICE.query, operation.query) : operation.query;
  const headers = isChosen ? withChoice(CHOICE.headers, operation.headers) : operation.headers;
  const answers = Object.entries(operation.answers).map(([status, success]) => {
    const { description, schema, type = 'application/json' } = success;
    const content = schema === undefined ? {} : { content: { [type]: { schema } } };
    return [status, { description, ...content }];
  });
  const { 403: forbidden, ...others } = operation.problems ?? {};
  const roles = operation.role === undefined ? undefined : ROLE_PROBLEMS;
  const refused = [forbidden, roles].filter((one) => one !== undefined).join('; ');
  const all = refused === '' ? others : { ...others, 403: refused };
  const problems = Object.entries(all).map(([status, description]) => [
    status,
    { description, content: { 'application/problem+json': { schema: problem } } },
  ]);
  return {
    method,
    path,
    summary,
    tags: [tag],
    ...(callers === undefined ? {} : { security: callers.map((caller) => ({ [caller]: [] })) }),
    request: {
      ...(params === undefined ? {} : { params }),
      ...(query === undefined ? {} : { query }),
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined
        ? {}
        : {
            body: {
              required: bodyOptional !== true,
              content: { 'application/json': { schema: body } },
            },
          }),
    },
    responses: Object.fromEntries([...answers, ...problems]),
  };
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
