export type { LoggedRequest } from './api/request-log.ts';
export type { Advance } from './clock/advance.ts';
export type { SandboxControl } from './control/control.ts';
export type { Faults } from './events/faults.ts';
export { signatureHeader } from './events/sign.ts';
export { createSandbox, type Sandbox, type SandboxOptions } from './sandbox.ts';
export type {
  SeedEndpoint,
  SeedPrice,
} from './settings.ts';
export { type Clock, type Logger, SandboxSettingsError } from './surroundings.ts';
