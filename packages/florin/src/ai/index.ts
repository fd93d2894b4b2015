/**
 * `florin/ai`: models of the AI SDK (the package `ai`, which your app installs) that are paid with credits.
 * See docs/ai.md.
 */
export type { CallCost, MeteringFlorin } from './call.ts';
export { type MeterOptions, meterModel } from './meter-model.ts';
