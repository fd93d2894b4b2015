import { describe, expect, it } from 'vitest';
import { type ReconcileRun, reconcileFigures, summarizeReconcile } from './reconcile.ts';

const AT = new Date('2026-11-24T02:00:00Z');

function run(
  kind: ReconcileRun['kind'],
  subjects: readonly string[],
  more: Partial<ReconcileRun> = {},
): ReconcileRun {
  const findings = subjects.map((subject) => ({
    kind: 'drift',
    subject,
    accountId: null,
    ids: {},
    credits: null,
    explanation: '',
    remedy: '',
    repairable: false,
  }));
  return {
    runId: subjects.join(),
    kind,
    state: 'done',
    sinceDays: kind === 'daily' ? 30 : 1,
    startedBy: null,
    startedAt: AT,
    finishedAt: AT,
    found: subjects.length,
    findings,
    errorCode: null,
    error: null,
    ...more,
  };
}

describe('what reconcile found', () => {
  it('stays until a later run has looked at least as far back', () => {
    const day = run('daily', ['old', 'new']);
    expect(summarizeReconcile([run('hourly', []), day]).found).toBe(2);
    expect(summarizeReconcile([run('by_hand', [], { sinceDays: 3 }), day]).found).toBe(2);
    expect(summarizeReconcile([run('by_hand', [], { sinceDays: 30 }), day]).found).toBe(0);
    expect(summarizeReconcile([day, run('hourly', ['mended'])]).found).toBe(2);
  });

  it('is one fault however many runs found it, and counts what was too much to keep', () => {
    expect(summarizeReconcile([run('hourly', ['new']), run('daily', ['old', 'new'])]).found).toBe(
      2,
    );
    expect(summarizeReconcile([run('daily', ['a', 'b'], { found: 500 })]).found).toBe(500);
  });

  it('is unknown before the first run, and says when a scheduled one last answered', () => {
    expect(summarizeReconcile([])).toEqual({ found: null, scheduledAt: null, error: null });
    const byHand = run('by_hand', ['a'], { startedBy: 'ada' });
    expect(summarizeReconcile([byHand])).toEqual({ found: 1, scheduledAt: null, error: null });
    expect(summarizeReconcile([byHand, run('hourly', [])]).scheduledAt).toEqual(AT);
  });
});

describe("reconcile's figures", () => {
  const found = (...runs: ReconcileRun[]) => reconcileFigures(runs).found;

  it('count a fault once, until a scheduled run of the same reach does not find it', () => {
    const day = run('daily', ['old', 'new']);
    expect(found(day)).toEqual({ drift: 2 });
    expect(found(run('hourly', ['new', 'newer']), day)).toEqual({ drift: 3 });
    expect(found(run('hourly', []), day)).toEqual({ drift: 2 });
    expect(found(run('daily', ['old']), day)).toEqual({ drift: 1 });
  });

  it('drop what a run by hand does not find any more, and do not count what only it found', () => {
    const day = run('daily', ['old', 'new']);
    const byHand = (subjects: readonly string[], more: Partial<ReconcileRun> = {}) =>
      run('by_hand', subjects, { sinceDays: 30, ...more });
    expect(found(byHand(['new', 'on its way']), day)).toEqual({ drift: 1 });
    expect(found(byHand([], { sinceDays: 3 }), day)).toEqual({ drift: 2 });
    // Not all that it found was kept: what is missing may be among the rest.
    expect(found(byHand(['new'], { found: 500 }), day)).toEqual({ drift: 2 });
    expect(found(day, byHand(['before']))).toEqual({ drift: 2 });
  });

  it('count what was too much to keep as unlisted', () => {
    const day = run('daily', ['old'], { found: 500 });
    expect(found(day)).toEqual({ drift: 1, unlisted: 499 });
    expect(found(run('by_hand', [], { sinceDays: 30 }), day)).toEqual({});
  });

  it('say that the last scheduled run has no answer, whatever is under way or was done by hand', () => {
    const over = (state: ReconcileRun['state']) =>
      run('hourly', [], { state, finishedAt: null, findings: null, found: null });
    const day = run('daily', ['old']);
    const failing = (...runs: ReconcileRun[]) => reconcileFigures(runs).failing;
    expect(failing()).toBe(false);
    expect(failing(day)).toBe(false);
    expect(failing(over('failed'), day)).toBe(true);
    expect(failing(over('lost'), day)).toBe(true);
    expect(failing(over('running'), day)).toBe(false);
    expect(failing(over('running'), over('failed'), day)).toBe(true);
    expect(failing(run('by_hand', []), over('failed'), day)).toBe(true);
    expect(reconcileFigures([over('failed'), day])).toEqual({
      found: { drift: 1 },
      completedAt: AT,
      failing: true,
    });
  });
});
