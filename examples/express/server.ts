import express from 'express';
import { createFlorin, InsufficientCreditsError, nodeHandler } from 'florin';
import { catalog } from '../catalog.ts';

const florin = createFlorin({ catalog, environment: process.env });
const app = express();

// Before express.json(): Stripe's signature covers the bytes as they came.
app.use('/api', nodeHandler(florin));
app.use(express.json());

app.post('/scans', async (request, response) => {
  const { userId, scanId, pages } = request.body;
  try {
    const spent = await florin.spend({
      accountId: userId,
      amount: pages,
      idempotencyKey: `scan:${scanId}`,
    });
    response.json({ creditsLeft: spent.available });
  } catch (error) {
    if (!(error instanceof InsufficientCreditsError)) {
      throw error;
    }
    response.status(402).json({ available: error.available, required: error.required });
  }
});

const jobs = florin.startJobs();
const server = app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : address;
  console.log(`listening on http://127.0.0.1:${port}`);
});

process.once('SIGTERM', async () => {
  florin.endStreams();
  server.close();
  await jobs.stop();
  await florin.close();
});
