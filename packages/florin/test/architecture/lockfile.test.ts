import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REPOSITORY } from './sources.ts';

type Locked = { readonly optionalDependencies?: Readonly<Record<string, string>> };

describe('the lock file', () => {
  it('knows the packages of every platform, so that npm ci runs on each: else run .ci/complete-lockfile.mjs', () => {
    const { packages } = JSON.parse(
      readFileSync(join(REPOSITORY, 'package-lock.json'), 'utf8'),
    ) as {
      packages: Readonly<Record<string, Locked>>;
    };
    const missing = Object.entries(packages).flatMap(([place, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) =>
          packages[`${place}/node_modules/${name}`] === undefined &&
          packages[`node_modules/${name}`] === undefined,
      ),
    );
    expect(missing).toEqual([]);
  });
});
