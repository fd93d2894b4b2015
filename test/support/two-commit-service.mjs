// The webhook handler that everybody writes first: the event is noted in one commit, its credits in
// the next. Killed between the two it has lost a purchase, for the repeated delivery is "seen". The
// negative control of test/faults/crash.test.ts; it knows nothing of Florin.
import { createServer } from 'node:http';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
pool.on('error', () => undefined);

async function receive(body) {
  const { id, data } = JSON.parse(body);
  const seen = await pool.query(
    'insert into control.events (event_id) values ($1) on conflict do nothing',
    [id],
  );
  if (seen.rowCount === 1) {
    await pool.query(
      'insert into control.credits (purchase, account_id, amount) values ($1, $2, 50) on conflict do nothing',
      [data.object.id, data.object.client_reference_id],
    );
  }
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    receive(Buffer.concat(chunks).toString()).then(
      () => response.writeHead(200).end(),
      () => response.writeHead(500).end(),
    );
  });
});
server.listen(Number(process.env.PORT), '127.0.0.1', () => process.stdout.write('listening on\n'));
