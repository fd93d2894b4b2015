// Releases every public package of the workspace under one version: `npm run release -- 0.2.0`.
// Refuses unless all is as it must be, gives the versions, closes [Unreleased] in each changelog, commits,
// tags and pushes. The pushed tag runs .github/workflows/release.yml, which tests and publishes with
// provenance. `--no-push` stops before the push; `--notes 0.2.0` prints what the changelogs say of a version.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const VERSION = /^(\d+)\.(\d+)\.(\d+)(?:-[a-z]+\.\d+)?$/;
const MIGRATIONS = ':(glob)packages/*/supabase/migrations/*.sql';
const DEPENDENCIES = ['dependencies', 'peerDependencies', 'optionalDependencies'];

const git = (...args) => execFileSync('git', args, { encoding: 'utf8' }).trim();
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const writeJson = (path, value) => writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);

/** The workspace's packages that are published, as folders. */
function publicPackages() {
  const { packages } = readJson('package-lock.json');
  return Object.values(packages)
    .filter(
      ({ link, resolved }) => link === true && !readJson(join(resolved, 'package.json')).private,
    )
    .map(({ resolved }) => resolved)
    .toSorted();
}

/** What a changelog says below `## [title]`, without the heading. */
function section(folder, title) {
  const text = readFileSync(join(folder, 'CHANGELOG.md'), 'utf8');
  const start = text.indexOf(`## [${title}]`);
  if (start < 0) {
    return '';
  }
  const body = text.slice(text.indexOf('\n', start) + 1);
  const end = body.search(/^## \[/m);
  return (end < 0 ? body : body.slice(0, end)).trim();
}

function faultsOf(version, folders) {
  const faults = [];
  if (!VERSION.test(version)) {
    return ['Name the version: npm run release -- 0.2.0'];
  }
  if (git('status', '--porcelain') !== '') {
    faults.push('There are changes that are not committed.');
  }
  if (git('branch', '--show-current') !== 'main') {
    faults.push('A release is made on main.');
  }
  if (git('tag', '--list', `v${version}`) !== '') {
    faults.push(`v${version} is there already.`);
  }
  for (const folder of folders) {
    if (section(folder, 'Unreleased') === '') {
      faults.push(`${folder}/CHANGELOG.md says nothing below [Unreleased].`);
    }
  }
  return [...faults, ...migrationFaults(folders)];
}

/** What a user's database has to go through stands in the changelog; what was released is never edited. */
function migrationFaults(folders) {
  const last = git('tag', '--list', 'v*', '--sort=-v:refname').split('\n')[0];
  if (last === undefined || last === '') {
    return [];
  }
  const said = folders.map((folder) => section(folder, 'Unreleased')).join('\n');
  const changes = git('diff', '--name-status', '--no-renames', last, 'HEAD', '--', MIGRATIONS);
  return changes
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'))
    .flatMap(([status, path]) => {
      const name = basename(path);
      if (status !== 'A') {
        return [
          `${name} was released in ${last} and is not the same any more: write a new migration.`,
        ];
      }
      return said.includes(name) ? [] : [`[Unreleased] does not name the new migration ${name}.`];
    });
}

function setVersion(version, folders) {
  const lock = readJson('package-lock.json');
  const names = folders.map((folder) => readJson(join(folder, 'package.json')).name);
  const stamp = (manifest) => {
    manifest.version = version;
    for (const kind of DEPENDENCIES) {
      for (const name of names.filter((one) => manifest[kind]?.[one] !== undefined)) {
        manifest[kind][name] = `^${version}`;
      }
    }
    return manifest;
  };
  for (const folder of folders) {
    const path = join(folder, 'package.json');
    writeJson(path, stamp(readJson(path)));
    stamp(lock.packages[folder]);
    const changelog = join(folder, 'CHANGELOG.md');
    const today = new Date().toISOString().slice(0, 10);
    const heading = `## [Unreleased]\n\n## [${version}] - ${today}`;
    writeFileSync(
      changelog,
      readFileSync(changelog, 'utf8').replace('## [Unreleased]', () => heading),
    );
  }
  writeJson('package-lock.json', lock);
}

function release(version, { push }) {
  const folders = publicPackages().filter((folder) => existsSync(join(folder, 'CHANGELOG.md')));
  const faults = faultsOf(version, folders);
  if (faults.length > 0) {
    process.stderr.write(`${faults.join('\n')}\nNothing was changed.\n`);
    process.exitCode = 1;
    return;
  }
  setVersion(version, folders);
  git('add', '--update');
  git('commit', '--quiet', '--message', `Release ${version}`);
  git('tag', '--annotate', `v${version}`, '--message', `Release ${version}`);
  if (push) {
    git('push', '--quiet', '--atomic', 'origin', 'main', `v${version}`);
  }
  process.stdout.write(`v${version}: ${folders.join(', ')}${push ? '' : ' (not pushed)'}\n`);
}

const [first = '', ...rest] = process.argv.slice(2);
if (first === '--notes') {
  const notes = publicPackages().map((folder) => [folder, section(folder, rest[0] ?? '')]);
  const said = notes.filter(([, text]) => text !== '');
  process.stdout.write(
    `${said.map(([folder, text]) => `## ${basename(folder)}\n\n${text}`).join('\n\n')}\n`,
  );
} else {
  release(first, { push: !rest.includes('--no-push') });
}
