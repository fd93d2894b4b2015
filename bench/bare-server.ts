/** A bare Node `http` server that sends the same query as the service, and checks nothing. */
import { createServer } from 'node:http';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 10 });

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', async () => {
    const { amount } = JSON.parse(Buffer.concat(chunks).toString()) as { amount: number };
    const result = await pool.query({
      name: 'spend',
      text: 'select * from credits.spend($1, $2, $3, $4)',
      values: [request.url?.split('/')[3], amount, request.headers['idempotency-key'], '{}'],
    });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(result.rows[0]));
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
});
