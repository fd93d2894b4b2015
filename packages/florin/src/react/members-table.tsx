import { type ComponentProps, type FormEvent, type ReactNode, useState } from 'react';
import type { Member, MemberRole } from '../browser/index.ts';
import { formatCredits } from './money.ts';
import { type Members, monthlyLimits, useMembers } from './use-members.ts';

const ROLES: readonly MemberRole[] = ['owner', 'admin', 'member', 'viewer'];

export type MembersTableProps = Omit<ComponentProps<'table'>, 'children'> & {
  accountId: string;
  /** What the signed-in user may give and take: an admin not the role of an owner. Default `admin`. */
  ownRole?: MemberRole;
  /** What a user is called; Florin knows ids alone. */
  nameOf?: (userId: string) => string;
  /** Shown where there are no members, as in an account of one user. */
  empty?: ReactNode;
};

/**
 * The members of an account, with role, limit and use of this month, for its admins and for operators. Unstyled:
 * style it by `className` or by `data-florin="members"`.
 */
export function MembersTable(props: MembersTableProps) {
  const { accountId, ownRole = 'admin', nameOf = (userId) => userId, empty, ...table } = props;
  const members = useMembers(accountId);
  const { status, error } = members;
  if (status === 'ready' && members.members.length === 0 && empty !== undefined) {
    return empty;
  }
  const roles = ownRole === 'owner' ? ROLES : ROLES.filter((one) => one !== 'owner');
  return (
    <>
      <table {...table} data-florin="members" data-state={status} aria-busy={members.busy}>
        <thead>
          <tr>
            <th scope="col">Member</th>
            <th scope="col">Role</th>
            <th scope="col">Used this month</th>
            <th scope="col">At most a month</th>
            <td />
          </tr>
        </thead>
        <tbody>
          {members.members.map((member) => (
            <Row
              key={member.userId}
              member={member}
              name={nameOf(member.userId)}
              roles={roles}
              members={members}
            />
          ))}
        </tbody>
      </table>
      {members.hasMore ? (
        <button type="button" disabled={members.busy} onClick={() => void members.loadMore()}>
          More members
        </button>
      ) : null}
      {error === null ? null : (
        <p role="alert" data-florin="members-error">
          {error instanceof Error ? error.message : 'Try again in a moment.'}
        </p>
      )}
    </>
  );
}

function Row(props: {
  member: Member;
  name: string;
  roles: readonly MemberRole[];
  members: Members;
}) {
  const { member, name, roles, members } = props;
  const { userId, role, used } = member;
  const isFixed = !roles.includes(role);
  return (
    <tr data-user={userId}>
      <th scope="row">{name}</th>
      <td>
        {isFixed ? (
          role
        ) : (
          <select
            aria-label={`Role of ${name}`}
            value={role}
            disabled={members.busy}
            onChange={({ target }) => void members.set(userId, target.value as MemberRole)}
          >
            {roles.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        )}
      </td>
      <td>{formatCredits(used)}</td>
      <td>
        <LimitForm member={member} name={name} members={members} />
      </td>
      <td>
        {isFixed ? null : (
          <button
            type="button"
            aria-label={`Remove ${name}`}
            disabled={members.busy}
            onClick={() => void members.remove(userId)}
          >
            Remove
          </button>
        )}
      </td>
    </tr>
  );
}

/** The limit of this one member by the month; one of each member stands as a placeholder. */
function LimitForm(props: { member: Member; name: string; members: Members }) {
  const { member, name, members } = props;
  const { own, each } = monthlyLimits(member);
  const shown = own === undefined ? '' : String(own.credits);
  const [text, setText] = useState<string | null>(null);

  async function save(event: FormEvent) {
    event.preventDefault();
    const wanted = (text ?? shown).trim();
    const done = await members.limit(member.userId, wanted === '' ? null : Number(wanted));
    if (done) {
      setText(null);
    }
  }

  return (
    <form onSubmit={(event) => void save(event)}>
      <input
        aria-label={`Credits that ${name} may use a month`}
        inputMode="decimal"
        placeholder={each === undefined ? 'no limit' : `${formatCredits(each.credits)} for each`}
        value={text ?? shown}
        onChange={({ target }) => setText(target.value)}
      />
      {text === null || text === shown ? null : (
        <button type="submit" disabled={members.busy}>
          Save
        </button>
      )}
    </form>
  );
}
