import { describe, expect, it } from 'vitest';
import { type ReconcileRun, summarizeReconcile } from './reconcile.ts';

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
