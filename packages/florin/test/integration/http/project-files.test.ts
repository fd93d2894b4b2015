import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { projectFiles } from '../../../src/cli/project-files.ts';
import { SETTINGS } from '../../../src/config.ts';

describe('what `florin init` writes', () => {
  it.each(['florin.config.ts', '.env.example'])('is the same %s that stands here', async (path) => {
    const files = await projectFiles();
    const written = files.find((file) => file.path === path)?.content;
    expect(written).toBe(await readFile(path, 'utf8'));
  });

  it('names every setting that the service reads', async () => {
    const example = await readFile('.env.example', 'utf8');
    // The sandbox's address is for development, which sets it by itself.
    const missing = SETTINGS.filter((name) => !example.includes(`${name}=`));
    expect(missing).toEqual(['STRIPE_API_BASE']);
  });
});
