import { describe, expect, it } from 'vitest';
import { readTitles } from './titles.ts';

/** What was found broken in the specification that Florin grew from, and the tests that keep it mended. */
const DEFECTS: Record<string, readonly string[]> = {
  'no credit is ever written, and the caller is told it was': [
    'add_user_credits credits, says true, and a repetition says true and credits nothing',
  ],
  'only the first credit in the whole table is written': [
    'every user and every payment is credited, not the first in the table alone',
  ],
  'the second line of a checkout and the second refund are dropped': [
    'each line of one checkout is credited, though event and payment are the same',
    'several lines and quantities grant each, and their sum once',
    'three partial refunds end where one of their sum ends',
  ],
  'a subscription’s first month is granted twice': [
    'a subscription grants its month once, though session and invoice both arrive',
  ],
  'anybody may mint credits': ['a right given by mistake is noticed'],
  'balances and events are readable by anybody': [
    'a signed-in user sees their own rows and nobody else’s, by every name',
  ],
  'a balance is told to anybody': [
    'a signed-in user sees their own rows and nobody else’s, by every name',
  ],
  'the fast balance always fails': ['balances of a new user are 0, and both ways of asking agree'],
  'the whole ledger is aggregated for each grant': [
    'the balance is current after every change, and refreshing finds nothing to do',
  ],
  'a transient error loses the payment': [
    'errors are raised, never swallowed: nobody, nothing, no event',
    'that cannot be stored raises, so that it is never answered with 200',
    'a failed event is retried until it is processed or dead, and dead is visible',
  ],
  'an integer overflows': ['a balance grows past what an integer holds'],
  'deleting a user erases the record': ['a deleted user’s ledger stays'],
  'a cumulative amount is taken as a step': [
    'any order of refund and dispute events ends at the same balance',
  ],
  'unpaid sessions are credited': [
    'an unpaid session or an incomplete subscription grants nothing',
    'a pending payment is shown as pending',
  ],
  'fields that newer Stripe versions moved, lists past ten': [
    'old and new payload shapes give the same ledger',
  ],
  'a negative line grants': ['`subscription_update` lines grant their prorated part'],
  'a cancelled subscription fails for ever': [
    'a subscription that ends keeps what was bought and stops later drips',
  ],
  'an unknown price or user is a warning and 200': [
    'an unknown price waits in the inbox as needing attention, and a replay grants',
    'a reference that is no uuid chooses nobody: the event waits and says what to do',
  ],
  'the checkout believes its body and the Origin header': [
    'takes the account from the token, everything about money from the catalogue',
    'takes no return address from a header of the request',
  ],
  'the plan session has a default secret and a nonce that nobody checks': [
    'has no default for a secret, and names everything that is missing at once',
    'used a hundred times at once spends once',
    'is not accepted when it is forged, injected, cut or of another project',
    'does not believe a forged hint: the server knows no such price',
  ],
  'events are logged beside the work, and never marked': [
    'concurrent duplicates of one event grant once',
  ],
};

describe('what was broken in the seed', () => {
  it('stays mended: each finding names tests that exist', () => {
    const titles = readTitles();
    const unproven = Object.entries(DEFECTS).flatMap(([defect, tests]) =>
      tests.filter((test) => !titles.has(test)).map((test) => `${defect}: ${test}`),
    );
    expect(unproven).toEqual([]);
    expect(Object.keys(DEFECTS)).toHaveLength(21);
  });
});

/** Each happened to a real project; each is a test of exactly this name. */
const INCIDENTS = [
  'concurrent duplicates of one event grant once',
  'an unpaid session or an incomplete subscription grants nothing',
  'old and new payload shapes give the same ledger',
  'a failed event is retried until it is processed or dead, and dead is visible',
  'a top-up retried by anyone charges once',
  'any order of refund and dispute events ends at the same balance',
  '`subscription_update` lines grant their prorated part',
  'renewal adds a grant, never sets a balance',
  'a second click returns the first session',
  'a refund that arrives before its payment waits and then applies',
  'a pending payment is shown as pending',
  'a won dispute restores exactly what it took',
  'a catalogue change never touches issued grants',
  'when the ledger is down, spending fails closed by default, and says so',
  'concurrent holds never exceed what is available',
];

describe('what happened to others', () => {
  it('is a test of that name', () => {
    const titles = readTitles();
    expect(INCIDENTS.filter((sentence) => !titles.has(sentence))).toEqual([]);
  });
});
