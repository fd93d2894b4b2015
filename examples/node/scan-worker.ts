// An OCR job that does not know beforehand how many pages it will read.
//
//   DATABASE_URL=postgres://… npx jiti examples/node/scan-worker.ts <account id> <job id> < document.txt
//
// Pages are separated by form feeds. Start it again with the same job id whenever it was cut off, or
// its answer was lost: the job is charged once.
import { connectLedger, InsufficientCreditsError } from 'florin';

const MAX_PAGES = 50;

const [accountId = '', jobId = ''] = process.argv.slice(2);
const florin = connectLedger({ databaseUrl: process.env['DATABASE_URL'] ?? '' });

try {
  const { result, used, available, replayed } = await florin.withHold(
    {
      accountId,
      amount: MAX_PAGES,
      idempotencyKey: `scan:${jobId}`,
      expiresInSeconds: 600,
      metadata: { job: jobId },
    },
    async () => {
      const words: number[] = [];
      for await (const page of readPages()) {
        words.push(page.split(/\s+/).filter(Boolean).length);
        console.log(`page ${words.length}: ${words.at(-1)} words`);
      }
      return { used: words.length, result: words };
    },
  );
  console.log(`${result.length} pages; ${used} credits${replayed ? ', charged before' : ''}`);
  console.log(`${available} credits left`);
} catch (error) {
  if (!(error instanceof InsufficientCreditsError)) {
    throw error;
  }
  console.log(`needs ${error.required} credits, ${error.available} are there`);
  process.exitCode = 1;
} finally {
  await florin.close();
}

async function* readPages() {
  let rest = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    const pages = `${rest}${chunk}`.split('\f');
    rest = pages.pop() ?? '';
    yield* pages;
  }
  if (rest.trim() !== '') {
    yield rest;
  }
}
