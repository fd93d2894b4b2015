import { florin } from '../../../lib/florin.ts';

export const GET = florin.fetch;
export const POST = florin.fetch;
export const DELETE = florin.fetch;
export const OPTIONS = florin.fetch;
