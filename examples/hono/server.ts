import { serve } from '@hono/node-server';
import { createFlorin } from 'florin';
import { Hono } from 'hono';
import { catalog } from '../catalog.ts';

const florin = createFlorin({ catalog, environment: process.env });
const app = new Hono();

app.get('/', (c) => c.text('An app of yours.'));
// `c.env` tells the caller's address, which rate limits count by.
app.all('/api/*', (c) => florin.fetch(c.req.raw, c.env));

const jobs = florin.startJobs();
const port = Number(process.env['PORT'] ?? 3000);
const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port }, (info) => {
  console.log(`listening on http://127.0.0.1:${info.port}`);
});

process.once('SIGTERM', async () => {
  florin.endStreams();
  server.close();
  await jobs.stop();
  await florin.close();
});
