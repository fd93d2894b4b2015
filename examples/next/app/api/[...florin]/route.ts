import { florin } from '../../../lib/florin.ts';

export const runtime = 'nodejs';
export const dynamic = 'force-dynamic';

export const GET = florin.fetch;
export const POST = florin.fetch;
export const DELETE = florin.fetch;
export const OPTIONS = florin.fetch;
