import { createFlorin } from 'florin';
import { catalog } from '../../catalog.ts';

/** One for the process: it keeps a pool of connections. */
export const florin = createFlorin({ catalog, environment: process.env });
