// Checks the subject of a commit: imperative, at most 72 characters, sentence case, no prefix, no full stop;
// then an empty line before the body.
// `node .githooks/check-subject.mjs FILE` reads the message that git wrote there, `--log RANGE` every
// commit of a range, as the workflow does.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const MAX_SUBJECT = 72;
/** Git writes these itself, or takes them away again with `rebase --autosquash`. */
const OF_GIT = /^(Merge |Revert "|Reapply "|fixup! |squash! |amend! )/;
const PREFIX = /^[a-z]+(\([^)]*\))?!?: /i;
/** First words that are no imperative: a gerund, a past tense, a third person, an article, a pronoun. */
const NO_IMPERATIVE =
  /^(?:[A-Z][a-z]+(?:ing|ed|ies)|(?:Add|Allow|Check|Chang|Creat|Delet|Fix|Handl|Keep|Mak|Mend|Mov|Read|Remov|Renam|Return|Run|Show|Test|Us|Writ)e?s|An?|The|This|That|These|Those|It|We|I|There|Some|More|Each|Every|Both|No|Now)\b/;
/** Imperatives that end as a past tense or a gerund does. */
const IMPERATIVES = /^(Need|Feed|Seed|Shed|Speed|Embed|Bring|Ping|String)\b/;

export function faultsOf(message) {
  const [subject = '', second = ''] = message
    .split('\n# ------------------------ >8 ------------------------')[0]
    .split('\n')
    .filter((line) => !line.startsWith('#'));
  if (OF_GIT.test(subject)) {
    return [];
  }
  const tests = [
    [subject.trim() === '', 'is empty'],
    [
      [...subject].length > MAX_SUBJECT,
      `has ${[...subject].length} characters, ${MAX_SUBJECT} are allowed`,
    ],
    [PREFIX.test(subject), 'has a prefix: say what the commit does, without "fix:" or a scope'],
    [/^[a-z]/.test(subject) && !PREFIX.test(subject), 'begins with a small letter'],
    [subject.endsWith('.'), 'ends with a full stop'],
    [
      NO_IMPERATIVE.test(subject) && !IMPERATIVES.test(subject),
      'is no imperative: begin with what the commit does, "Add" and not "Added" or "Adds"',
    ],
    [second.trim() !== '', 'needs an empty line before the body'],
  ];
  return tests.filter(([wrong]) => wrong).map(([, fault]) => fault);
}

function messagesOf(args) {
  if (args[0] !== '--log') {
    return [readFileSync(args[0], 'utf8')];
  }
  const log = execFileSync('git', ['log', '--format=%B%x00', args[1]], { encoding: 'utf8' });
  return log
    .split('\0')
    .map((one) => one.trimStart())
    .filter((one) => one !== '');
}

const faults = messagesOf(process.argv.slice(2)).flatMap((message) =>
  faultsOf(message).map((fault) => `The subject ${fault}: ${message.split('\n')[0]}`),
);
if (faults.length > 0) {
  process.stderr.write(`${faults.join('\n')}\nCONTRIBUTING.md says how a commit is written.\n`);
  process.exitCode = 1;
}
