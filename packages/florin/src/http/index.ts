export { createApp, type FlorinApp } from './app.ts';
export type { AppDeps } from './deps.ts';
export type { Limits } from './rate-limits.ts';
