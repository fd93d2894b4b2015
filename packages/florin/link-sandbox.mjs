// npm bundles what stands in this package's own node_modules, and a workspace's packages stand in the root's.
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, 'node_modules');
const link = join(folder, 'stripe-sandbox');
if (!existsSync(link)) {
  mkdirSync(folder, { recursive: true });
  symlinkSync(join('..', '..', 'stripe-sandbox'), link, 'junction');
}
