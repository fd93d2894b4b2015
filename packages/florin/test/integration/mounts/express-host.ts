/** An Express app that parses bodies before Florin sees them: wrongly, and keeping the bytes. */
import express from 'express';
import { createFlorin, nodeHandler } from 'florin';
import { catalog } from '../../../../../examples/catalog.ts';

const florin = createFlorin({ catalog, environment: process.env });
const keepBytes: Parameters<typeof express.json>[0] = {
  verify(request, _response, bytes) {
    Object.assign(request, { rawBody: bytes });
  },
};
const app = express();
app.use(express.json(process.env['KEEP_BYTES'] === 'yes' ? keepBytes : {}));
app.use('/api', nodeHandler(florin));
const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(
    `listening on http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}\n`,
  );
});
process.once('SIGTERM', async () => {
  server.close();
  await florin.close();
});
