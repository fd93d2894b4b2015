/**
 * The ledger's rules, written as simply as possible to compare the real one with: every credit ever
 * burned is a cell of its own, every grant is a pile, and time is walked instant by instant. No
 * stretches, no settlement, no lock.
 */

export type ModelGrant = {
  readonly name: number;
  readonly amount: number;
  readonly priority: number;
  readonly effectiveAt: number;
  readonly expiresAt: number;
  effective: boolean;
  remaining: number;
  expired: number;
  voided: number;
  reversed: number;
  /** Voided credits that a reversal counted as taken. */
  takenFromVoid: number;
};

/** One burned credit: who pays for it, and in whose place. */
type Cell = { payer: ModelGrant | null; insteadOf: ModelGrant | null; freed: boolean };

export type ModelHold = {
  readonly name: number;
  expiresAt: number;
  readonly cells: readonly Cell[];
  status: 'open' | 'captured' | 'released' | 'expired';
  captured: number;
  uncovered: number;
  overage: Overage | null;
};

export type Overage = 'refuse' | 'up_to_available' | 'debt';

type Refusal = 'insufficient_credits' | 'amount_not_allowed' | 'hold_not_open' | 'reused';
/** What the ledger must answer: null when it accepts. */
export type Answer = Refusal | null;

export class LedgerModel {
  readonly grants: ModelGrant[] = [];
  readonly holds: ModelHold[] = [];
  readonly #cells: Cell[] = [];
  #now: number;

  constructor(now: number) {
    this.#now = now;
  }

  balance() {
    const live = this.grants.filter((grant) => grant.effective);
    const held = sum(this.holds.filter(isOpen), (hold) => hold.cells.length);
    const available = sum(live, (grant) => grant.remaining) - this.debt();
    const expiries = live.filter((grant) => grant.remaining > 0).map((grant) => grant.expiresAt);
    return {
      posted: available + held,
      held,
      available,
      nextExpiryAt: Math.min(Number.POSITIVE_INFINITY, ...expiries),
    };
  }

  debt(): number {
    return this.#cells.filter((cell) => !cell.freed && cell.payer === null).length;
  }

  /** Where the credits of a grant are. */
  lineage(grant: ModelGrant) {
    const paid = (cells: readonly Cell[]) =>
      cells.filter((cell) => !cell.freed && cell.payer === grant).length;
    const reserved = sum(this.holds.filter(isOpen), (hold) => paid(hold.cells));
    return { spent: paid(this.#cells) - reserved, reserved };
  }

  advance(to: number): void {
    for (;;) {
      const at = Math.min(
        ...this.holds.filter(isOpen).map((hold) => hold.expiresAt),
        ...this.grants.filter((g) => !g.effective && g.remaining > 0).map((g) => g.effectiveAt),
        ...this.grants.filter((g) => g.remaining > 0).map((g) => g.expiresAt),
      );
      if (at > to) {
        break;
      }
      this.#at(at);
    }
    this.#now = to;
  }

  /** Everything that becomes due in one instant: holds end, then grants start, then grants end. */
  #at(at: number): void {
    for (const hold of this.holds.filter((one) => isOpen(one) && one.expiresAt <= at)) {
      hold.status = 'expired';
      this.#free(hold.cells, at);
      this.#payDebt();
    }
    for (const grant of this.grants.filter((one) => !one.effective && one.remaining > 0)) {
      if (grant.effectiveAt <= at) {
        grant.effective = true;
        this.#payDebt();
      }
    }
    this.#expire(at);
  }

  #expire(at: number): void {
    for (const grant of this.grants.filter((one) => one.effective && one.expiresAt <= at)) {
      grant.expired += grant.remaining;
      grant.remaining = 0;
    }
  }

  #free(cells: readonly Cell[], at: number): void {
    for (const cell of cells) {
      cell.freed = true;
      if (cell.payer !== null) {
        cell.payer.remaining += 1;
      }
    }
    this.#expire(at);
  }

  #payDebt(): void {
    for (const cell of this.#cells) {
      if (!cell.freed && cell.payer === null) {
        cell.payer = this.#nextPayer();
      }
    }
  }

  /** Takes one credit from the first grant in burn order. */
  #nextPayer(): ModelGrant | null {
    const [first] = this.grants
      .filter((grant) => grant.effective && grant.remaining > 0)
      .sort(
        (a, b) =>
          a.priority - b.priority ||
          (a.expiresAt === b.expiresAt ? 0 : a.expiresAt - b.expiresAt) ||
          a.name - b.name,
      );
    if (first === undefined) {
      return null;
    }
    first.remaining -= 1;
    return first;
  }

  #burn(amount: number): Cell[] {
    const cells = Array.from({ length: amount }, () => ({
      payer: this.#nextPayer(),
      insteadOf: null,
      freed: false,
    }));
    this.#cells.push(...cells);
    return cells;
  }

  grant(terms: Pick<ModelGrant, 'amount' | 'priority' | 'effectiveAt' | 'expiresAt'>): ModelGrant {
    const grant: ModelGrant = {
      ...terms,
      name: this.grants.length,
      effective: terms.effectiveAt <= this.#now,
      remaining: terms.amount,
      expired: 0,
      voided: 0,
      reversed: 0,
      takenFromVoid: 0,
    };
    this.grants.push(grant);
    this.#payDebt();
    this.#expire(this.#now);
    return grant;
  }

  spend(amount: number): Answer {
    if (this.balance().available < amount) {
      return 'insufficient_credits';
    }
    this.#burn(amount);
    return null;
  }

  hold(amount: number, expiresAt: number): Answer {
    if (this.balance().available < amount) {
      return 'insufficient_credits';
    }
    const cells = this.#burn(amount);
    const name = this.holds.length;
    this.holds.push({
      ...{ name, expiresAt, cells, status: 'open', captured: 0 },
      ...{ uncovered: 0, overage: null },
    });
    return null;
  }

  capture(hold: ModelHold, amount: number, overage: Overage, debtLimit: number): Answer {
    if (hold.status === 'captured') {
      const same = hold.captured + hold.uncovered === amount;
      return same && (hold.overage ?? overage) === overage ? null : 'reused';
    }
    if (hold.status !== 'open') {
      return 'hold_not_open';
    }
    const excess = Math.max(0, amount - hold.cells.length);
    if (excess > 0 && overage === 'refuse') {
      return 'amount_not_allowed';
    }
    const { available } = this.balance();
    if (excess > 0 && overage === 'debt' && available + debtLimit < excess) {
      return 'insufficient_credits';
    }
    this.#end(hold, Math.min(amount, hold.cells.length));
    if (excess > 0) {
      const taken = overage === 'debt' ? excess : Math.min(excess, Math.max(available, 0));
      this.#burn(taken);
      hold.overage = overage;
      hold.captured += taken;
      hold.uncovered = excess - taken;
    }
    return null;
  }

  extend(hold: ModelHold, expiresAt: number): Answer {
    if (hold.status !== 'open') {
      return 'hold_not_open';
    }
    hold.expiresAt = Math.max(hold.expiresAt, expiresAt);
    return null;
  }

  release(hold: ModelHold): Answer {
    if (hold.status === 'captured') {
      return 'hold_not_open';
    }
    if (hold.status === 'open') {
      this.#end(hold, 0);
    }
    return null;
  }

  #end(hold: ModelHold, captured: number): void {
    hold.status = captured > 0 ? 'captured' : 'released';
    hold.captured = captured;
    // Without debt nothing is left to pay, and what came back may be of a grant that is over.
    const freed = hold.cells.slice(captured);
    for (const cell of freed) {
      cell.freed = true;
      if (cell.payer !== null) {
        cell.payer.remaining += 1;
      }
    }
    this.#payDebt();
    this.#expire(this.#now);
  }

  reverse(grant: ModelGrant, amount: number): Answer {
    if (amount > grant.amount - grant.reversed) {
      return 'amount_not_allowed';
    }
    let left = amount;
    const take = (from: 'remaining' | 'expired' | 'voided') => {
      const taken = Math.min(left, grant[from]);
      grant[from] -= taken;
      left -= taken;
      return taken;
    };
    take('remaining');
    take('expired');
    grant.takenFromVoid += take('voided');
    const paid = this.#cells.filter((cell) => !cell.freed && cell.payer === grant).reverse();
    for (const cell of paid.slice(0, left)) {
      cell.payer = null;
      cell.insteadOf = grant;
    }
    grant.reversed += amount;
    this.#payDebt();
    return null;
  }

  restore(grant: ModelGrant, amount: number): Answer {
    if (amount > grant.reversed) {
      return 'amount_not_allowed';
    }
    const displaced = this.#cells.filter((cell) => !cell.freed && cell.insteadOf === grant);
    const owed = displaced.filter((cell) => cell.payer === null);
    const paid = displaced.filter(
      (cell) => cell.payer !== null && cell.payer.expiresAt > this.#now,
    );
    const back = [...owed, ...paid].slice(0, amount);
    for (const cell of back) {
      if (cell.payer !== null) {
        cell.payer.remaining += 1;
      }
      cell.payer = grant;
      cell.insteadOf = null;
    }
    const voided = Math.min(amount - back.length, grant.takenFromVoid);
    grant.takenFromVoid -= voided;
    grant.voided += voided;
    grant.remaining += amount - back.length - voided;
    grant.reversed -= amount;
    if (!grant.effective && grant.remaining > 0 && grant.effectiveAt <= this.#now) {
      grant.effective = true;
    }
    this.#payDebt();
    this.#expire(this.#now);
    return null;
  }

  void(grant: ModelGrant): Answer {
    grant.voided += grant.remaining;
    grant.remaining = 0;
    return null;
  }
}

function isOpen(hold: ModelHold): boolean {
  return hold.status === 'open';
}

function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((total, item) => total + amount(item), 0);
}
