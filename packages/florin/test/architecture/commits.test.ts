import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPOSITORY } from './sources.ts';

/** A repository that knows nothing of this machine's settings for git. */
const ENVIRONMENT = {
  PATH: process.env['PATH'],
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  ...Object.fromEntries(
    ['AUTHOR', 'COMMITTER'].flatMap((who) => [
      [`GIT_${who}_NAME`, 'Ada'],
      [`GIT_${who}_EMAIL`, 'ada@example.com'],
    ]),
  ),
};

describe('the commit-msg hook', () => {
  let place: string;
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), 'florin-commits-'));
    cpSync(join(REPOSITORY, '.githooks'), join(place, '.githooks'), { recursive: true });
    git('init', '--quiet');
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: place, env: ENVIRONMENT, encoding: 'utf8' }).trim();
  const install = () =>
    spawnSync(process.execPath, ['.githooks/install.mjs'], { cwd: place, env: ENVIRONMENT });
  const commit = (message: string) => {
    writeFileSync(join(place, 'MESSAGE'), message);
    const { status, stderr } = spawnSync(
      'git',
      ['commit', '--quiet', '--allow-empty', '--file', 'MESSAGE'],
      { cwd: place, env: ENVIRONMENT, encoding: 'utf8' },
    );
    return { made: status === 0, said: stderr };
  };

  it('is turned on by the prepare script, where nobody has chosen hooks of their own', () => {
    git('config', 'core.hooksPath', 'elsewhere');
    install();
    expect(git('config', 'core.hooksPath')).toBe('elsewhere');
    git('config', '--unset', 'core.hooksPath');
    expect(install().status).toBe(0);
    expect(git('config', 'core.hooksPath')).toBe('.githooks');
  });

  it.each([
    'Grant the first month of a yearly plan at once',
    `Read ${'x'.repeat(67)}`,
    'Bring the ledger into the workspace\n\nIts tests run there now.',
    'Use `stripe` 23',
    'Revert "add things"',
    'fixup! Keep the chain',
    '`florin doctor` is no prefix: write code in backticks',
  ])('takes %j', (message) => {
    expect(commit(message)).toEqual({ made: true, said: '' });
  });

  it.each([
    [`Read ${'x'.repeat(68)}`, 'has 73 characters'],
    ['feat(ledger): Add holds', 'has a prefix'],
    ['Alerts: tell the app', 'has a prefix'],
    ['add holds', 'small letter'],
    ['Add holds.', 'full stop'],
    ['Added holds', 'is no imperative'],
    ['Adding holds', 'is no imperative'],
    ['Adds holds', 'is no imperative'],
    ['The ledger holds credits', 'is no imperative'],
    ['Add holds\nand captures', 'empty line'],
  ])('refuses %j', (message, fault) => {
    const { made, said } = commit(message);
    expect(made).toBe(false);
    expect(said).toContain(fault);
    expect(said).toContain('CONTRIBUTING.md');
  });
});
