import { type FormEvent, type ReactNode, useCallback, useState } from 'react';
import type { Member, MemberRole, OwnAccount } from '../../src/browser/index.ts';
import { MembersTable, useAccounts, useFlorin, useLoaded } from '../../src/react/index.ts';
import { Button } from '../frame/button.tsx';
import { credits } from '../frame/format.ts';
import { LoadFailed, sentence } from '../frame/notice.tsx';
import { useSession } from '../session/context.tsx';

/** Who is in the account that is shown, and what they may use. Nothing where it is the user's own. */
export function MembersPart({ version }: { version: string | null }) {
  const { current, data, choose } = useAccounts();
  const [own] = data ?? [];
  if (current === null || current === own) {
    return null;
  }
  const manages = current.role === 'admin' || current.role === 'owner';
  return (
    <section className="part members-part" aria-labelledby="members-title">
      <h2 id="members-title">Members</h2>
      {manages ? (
        <Managed key={version} account={current} />
      ) : (
        <OwnPart account={current} version={version} />
      )}
      <Leave account={current} onLeft={() => choose(null)} />
    </section>
  );
}

function Managed({ account }: { account: OwnAccount }) {
  const session = useSession();
  const [round, setRound] = useState(0);
  const nameOf = (userId: string) => (userId === session?.user.id ? 'You' : userId);
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard. */}
      <section className="members-scroll" tabIndex={0} aria-label="Members, as a table">
        <MembersTable
          key={round}
          className="members-table"
          accountId={account.accountId}
          ownRole={account.role}
          nameOf={nameOf}
        />
      </section>
      <AddMember account={account} onAdded={() => setRound((count) => count + 1)} />
    </>
  );
}

/** Invitations are the app's: here whoever is added has an account already, and is named by its id. */
function AddMember({ account, onAdded }: { account: OwnAccount; onAdded: () => void }) {
  const client = useFlorin();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  async function add(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const fields = new FormData(form);
    setBusy(true);
    setError(null);
    try {
      const userId = String(fields.get('user')).trim();
      await client.setMember(account.accountId, userId, fields.get('role') as MemberRole);
      form.reset();
      onAdded();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  }

  return (
    <form className="add-member" onSubmit={(event) => void add(event)}>
      <label>
        User id
        <input name="user" required autoComplete="off" spellCheck={false} />
      </label>
      <label>
        Role
        <select name="role" defaultValue="member">
          <option>viewer</option>
          <option>member</option>
          <option>admin</option>
          {account.role === 'owner' ? <option>owner</option> : null}
        </select>
      </label>
      <Button busy={busy} type="submit">
        Add
      </Button>
      {error === null ? null : <Failure error={error} />}
    </form>
  );
}

function OwnPart({ account, version }: { account: OwnAccount; version: string | null }) {
  const client = useFlorin();
  const userId = useSession()?.user.id ?? '';
  // biome-ignore lint/correctness/useExhaustiveDependencies: `version` asks for another load.
  const load = useCallback(
    () => client.member(account.accountId, userId),
    [client, account.accountId, userId, version],
  );
  const me = useLoaded(load);
  if (me.data === null) {
    return me.status === 'error' ? (
      <LoadFailed what="What you may use" error={me.error} retry={me.reload} />
    ) : null;
  }
  return (
    <p>
      You are a {account.role} of this account. {describe(me.data)}
    </p>
  );
}

function describe({ used, limits }: Member): ReactNode {
  const monthly = limits.filter(
    ({ window, feature, soft }) => window === 'month' && feature === null && !soft,
  );
  const most = monthly.map((one) => Number(one.credits)).toSorted((a, b) => a - b)[0];
  return most === undefined
    ? `You used ${credits(used)} this month.`
    : `You used ${credits(used)} of ${credits(most)} that you may use this month.`;
}

function Leave({ account, onLeft }: { account: OwnAccount; onLeft: () => void }) {
  const client = useFlorin();
  const userId = useSession()?.user.id ?? '';
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  async function leave() {
    setBusy(true);
    try {
      await client.removeMember(account.accountId, userId);
      onLeft();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  }

  return (
    <div className="actions">
      <Button bare busy={busy} onClick={() => void leave()}>
        Leave this account
      </Button>
      {error === null ? null : <Failure error={error} />}
    </div>
  );
}

function Failure({ error }: { error: unknown }) {
  return (
    <p className="form-error small" role="alert">
      {sentence(error)}
    </p>
  );
}
