import { html } from 'hono/html';

type Schema = {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly const?: unknown;
  readonly description?: string;
};
type Media = Readonly<Record<string, { readonly schema?: Schema }>>;
type Operation = {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly { name: string; in: string; required?: boolean }[];
  readonly requestBody?: { readonly content?: Media };
  readonly responses?: Readonly<Record<string, { description?: string; content?: Media }>>;
};
type Document = {
  readonly info: { title: string; version: string; description?: string };
  readonly paths?: Readonly<Record<string, unknown>>;
};

type Html = ReturnType<typeof html>;

/** The OpenAPI document as one page without scripts. */
export function renderDocs(document: object): { html: string; style: string } {
  const { info, paths = {} } = document as Document;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({
      path,
      method,
      operation,
    })),
  );
  const tags = [...new Set(operations.map(({ operation }) => operation.tags?.[0] ?? 'Other'))];
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${info.title} API</title>
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<header>
<h1>${info.title} <small>${info.version}</small></h1>
<p>${info.description ?? ''} <a href="/openapi.json">openapi.json</a></p>
<nav>${tags.map((tag) => html`<a href="#${tag}">${tag}</a> `)}</nav>
</header>
<main>
${tags.map(
  (tag) => html`<section id="${tag}"><h2>${tag}</h2>
${operations.filter(({ operation }) => (operation.tags?.[0] ?? 'Other') === tag).map(renderOperation)}
</section>`,
)}
</main>
</body>
</html>`;
  return { html: String(page), style: STYLE };
}

function renderOperation(one: { path: string; method: string; operation: Operation }): Html {
  const { path, method, operation } = one;
  const callers = (operation.security ?? []).flatMap((each) => Object.keys(each));
  const body = operation.requestBody?.content?.['application/json']?.schema;
  return html`<article>
<h3><b class="${method}">${method.toUpperCase()}</b> <code>${path}</code></h3>
<p>${operation.summary ?? ''}${callers.length > 0 ? html` <i>Bearer: ${callers.join(' or ')}</i>` : ''}</p>
${(operation.parameters ?? []).length > 0 ? html`<p>${(operation.parameters ?? []).map((each) => html`<code>${each.name}</code> (${each.in}) `)}</p>` : ''}
${body === undefined ? '' : html`<pre>${describe(body)}</pre>`}
<dl>${Object.entries(operation.responses ?? {}).map(
    ([status, response]) => html`<dt>${status}</dt><dd>${response.description ?? ''}
${status.startsWith('2') ? Object.values(response.content ?? {}).map(({ schema }) => (schema === undefined ? '' : html`<pre>${describe(schema)}</pre>`)) : ''}</dd>`,
  )}</dl>
</article>`;
}

/** Writes a schema as a type, which is short and read at a glance. */
function describe(schema: Schema, indent = ''): string {
  if (schema.$ref !== undefined) {
    return schema.$ref.split('/').at(-1) ?? '';
  }
  const parts = schema.anyOf ?? schema.allOf;
  if (parts !== undefined) {
    const joint = schema.anyOf === undefined ? ' & ' : ' | ';
    return parts.map((part) => describe(part, indent)).join(joint);
  }
  if (schema.const !== undefined) {
    return JSON.stringify(schema.const);
  }
  if (schema.enum !== undefined) {
    return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  }
  if (schema.items !== undefined) {
    return `${describe(schema.items, indent)}[]`;
  }
  if (schema.properties !== undefined) {
    const lines = Object.entries(schema.properties).map(([name, each]) => {
      const mark = schema.required?.includes(name) ? '' : '?';
      return `${indent}  ${name}${mark}: ${describe(each, `${indent}  `)}`;
    });
    return `{\n${lines.join('\n')}\n${indent}}`;
  }
  return [schema.type ?? 'any'].flat().join(' | ');
}

const STYLE = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
small, i { color: color-mix(in srgb, currentColor 65%, transparent); font-weight: normal; }
nav a { margin-right: .75rem; }
article { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent); padding: .5rem 0; }
h3 { margin: .5rem 0; font-size: 1rem; overflow-wrap: anywhere; }
pre { overflow-x: auto; padding: .5rem; font-size: .85rem;
  background: color-mix(in srgb, currentColor 6%, transparent); }
dl { display: grid; grid-template-columns: 4rem 1fr; gap: .25rem; }
dd { margin: 0; min-width: 0; }
`;
