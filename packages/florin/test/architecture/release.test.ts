import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { REPOSITORY } from './sources.ts';

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
const MIGRATION = 'packages/one/supabase/migrations/20270101000000_ledger_note.sql';

/** A workspace of two public packages and a private one, with an origin that can be pushed to. */
describe('npm run release', () => {
  let place: string;
  let origin: string;
  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), 'florin-release-'));
    origin = mkdtempSync(join(tmpdir(), 'florin-origin-'));
    const one = { name: 'one', version: '0.1.0' };
    const two = { name: 'two', version: '0.1.0', peerDependencies: { one: '^0.1.0' } };
    const hidden = { name: 'hidden', private: true };
    write('package.json', { private: true, workspaces: ['packages/*'] });
    write('packages/one/package.json', one);
    write('packages/two/package.json', two);
    write('packages/hidden/package.json', hidden);
    write('packages/one/CHANGELOG.md', '# Changelog\n\n## [Unreleased]\n\n- Holds.\n');
    write('packages/two/CHANGELOG.md', '# Changelog\n\n## [Unreleased]\n\n- A clock.\n');
    write('package-lock.json', {
      packages: {
        ...{ 'packages/one': one, 'packages/two': two, 'packages/hidden': hidden },
        'node_modules/one': { resolved: 'packages/one', link: true },
        'node_modules/two': { resolved: 'packages/two', link: true },
        'node_modules/hidden': { resolved: 'packages/hidden', link: true },
      },
    });
    git('init', '--quiet', '--initial-branch=main');
    execFileSync('git', ['init', '--quiet', '--bare', origin], { env: ENVIRONMENT });
    git('remote', 'add', 'origin', origin);
    commit();
  });
  afterEach(() => {
    rmSync(place, { recursive: true, force: true });
    rmSync(origin, { recursive: true, force: true });
  });

  function write(path: string, content: string | object): void {
    mkdirSync(dirname(join(place, path)), { recursive: true });
    writeFileSync(
      join(place, path),
      typeof content === 'string' ? content : JSON.stringify(content),
    );
  }
  const read = (path: string) => readFileSync(join(place, path), 'utf8');
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: place, env: ENVIRONMENT, encoding: 'utf8' }).trim();
  const commit = () => {
    git('add', '--all');
    git('commit', '--quiet', '--message', 'Change');
  };
  const release = (...args: string[]) =>
    spawnSync(process.execPath, [join(REPOSITORY, '.ci', 'release.mjs'), ...args], {
      cwd: place,
      env: ENVIRONMENT,
      encoding: 'utf8',
    });
  const releaseAgain = (...notes: string[]) => {
    for (const name of ['one', 'two']) {
      const path = `packages/${name}/CHANGELOG.md`;
      write(
        path,
        read(path).replace('[Unreleased]\n', () => `[Unreleased]\n\n- ${notes.join(' ')}\n`),
      );
    }
    commit();
    return release('0.3.0');
  };

  it('gives all public packages one version, closes their changelogs, and pushes commit and tag', () => {
    expect(release('0.2.0')).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(read('packages/one/package.json')).version).toBe('0.2.0');
    expect(JSON.parse(read('packages/two/package.json'))).toMatchObject({
      version: '0.2.0',
      peerDependencies: { one: '^0.2.0' },
    });
    expect(JSON.parse(read('package-lock.json')).packages['packages/two'].version).toBe('0.2.0');
    expect(JSON.parse(read('packages/hidden/package.json')).version).toBeUndefined();
    expect(read('packages/one/CHANGELOG.md')).toMatch(
      /## \[Unreleased\]\n\n## \[0\.2\.0\] - \d{4}-\d\d-\d\d\n\n- Holds\./,
    );
    expect(git('ls-remote', 'origin')).toMatch(/refs\/heads\/main[\s\S]*refs\/tags\/v0\.2\.0/);
    expect(git('log', '-1', '--format=%s')).toBe('Release 0.2.0');
    expect(release('--notes', '0.2.0').stdout).toBe('## one\n\n- Holds.\n\n## two\n\n- A clock.\n');
  });

  it('refuses, and changes nothing, when something is missing', () => {
    const before = git('rev-parse', 'HEAD');
    expect(release('soon').stderr).toContain('Name the version');
    write('packages/two/CHANGELOG.md', '# Changelog\n\n## [Unreleased]\n');
    const { status, stderr } = release('0.2.0');
    expect(status).toBe(1);
    expect(stderr).toContain('not committed');
    expect(stderr).toContain('packages/two/CHANGELOG.md says nothing');
    git('switch', '--quiet', '--create', 'elsewhere');
    expect(release('0.2.0').stderr).toContain('on main');
    expect(git('rev-parse', 'HEAD')).toBe(before);
    expect(git('tag')).toBe('');
  });

  it('wants each new migration named in a changelog, and a released one as it was', () => {
    write(MIGRATION, 'select 1;');
    commit();
    expect(release('0.2.0').status).toBe(0);
    write(MIGRATION, 'select 2;');
    write(MIGRATION.replace('note', 'label'), 'select 3;');
    const refused = releaseAgain('Labels.');
    expect(refused.stderr).toContain('20270101000000_ledger_note.sql was released in v0.2.0');
    expect(refused.stderr).toContain('does not name the new migration 20270101000000_ledger_label');
    write(MIGRATION, 'select 1;');
    expect(releaseAgain('The migration 20270101000000_ledger_label.sql.')).toMatchObject({
      status: 0,
      stderr: '',
    });
  });
});
