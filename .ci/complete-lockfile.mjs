// Adds to package-lock.json the packages of other platforms that npm left out of it.
//
// A registry that does not carry the binaries of every platform makes `npm install` drop them from the
// lock file, and `npm ci` then refuses to run anywhere. What npm needs to know of a package that it
// skips here is its version and its platform, and both are in its name and in who asks for it.
// Run it after `npm install`: node .ci/complete-lockfile.mjs
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = 'package-lock.json';
const EXACT = /^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$/;
const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32', 'wasm32'];
const ALIASES = { windows: 'win32' };
const PROCESSORS = ['arm64', 'x64', 'ia32', 'arm', 'ppc64', 'riscv64', 's390x', 'loong64'];

const lock = JSON.parse(readFileSync(FILE, 'utf8'));
const added = [];
for (const [place, asking] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(asking.optionalDependencies ?? {})) {
    const known =
      `${place}/node_modules/${name}` in lock.packages || `node_modules/${name}` in lock.packages;
    if (!known && EXACT.test(version)) {
      lock.packages[`node_modules/${name}`] = describe(name, version, asking);
      added.push(`${name}@${version}`);
    }
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
lock.packages = Object.fromEntries(sorted);
writeFileSync(FILE, `${JSON.stringify(lock, undefined, 2)}\n`);
process.stdout.write(`${added.length} added\n`);

function describe(name, version, asking) {
  const words = name.split(/[/-]/).map((word) => ALIASES[word] ?? word);
  const os = words.filter((word) => SYSTEMS.includes(word));
  const cpu = words.filter((word) => PROCESSORS.includes(word));
  if (os.length !== 1 || cpu.length !== 1) {
    throw new Error(`${name}: its name does not tell its platform; add it by hand.`);
  }
  // Which C library counts only where there is a package for each.
  const family = Object.keys(asking.optionalDependencies);
  const hasLibc = os[0] === 'linux' && family.some((each) => each.includes('musl'));
  const libc = words.some((word) => word.startsWith('musl')) ? ['musl'] : ['glibc'];
  return {
    version,
    cpu,
    ...(asking.dev === true ? { dev: true } : {}),
    ...(hasLibc ? { libc } : {}),
    optional: true,
    os,
  };
}
