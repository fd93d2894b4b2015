// Asks the registry for known faults of what an installation brings, and fails for high and critical
// ones. A registry that does not answer audits (a mirror) is said and is no failure.
import { spawnSync } from 'node:child_process';

const SEVERE = new Set(['high', 'critical']);

const { stdout } = spawnSync('npm', ['audit', '--audit=true', '--omit=dev', '--json'], {
  encoding: 'utf8',
});
const report = parse(stdout);
if (report?.auditReportVersion === undefined) {
  say(`audit: the registry did not answer, nothing was checked. ${report?.message ?? ''}`);
} else {
  const found = Object.values(report.vulnerabilities);
  const severe = found.filter(({ severity }) => SEVERE.has(severity));
  for (const { name, severity, range } of found) {
    say(`audit: ${severity}: ${name} ${range}`);
  }
  say(`audit: ${found.length} found, ${severe.length} of them high or critical`);
  process.exitCode = severe.length === 0 ? 0 : 1;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function say(line) {
  process.stdout.write(`${line.trim()}\n`);
}
