import type { ComponentProps } from 'react';
import type { OwnAccount } from '../browser/index.ts';
import { useAccounts } from './use-accounts.ts';

export type AccountSwitcherProps = Omit<
  ComponentProps<'select'>,
  'children' | 'value' | 'onChange'
> & {
  /** What an account is called; Florin knows ids alone. Default: `Personal`, and the first of an id. */
  nameOf?: (account: OwnAccount, isOwn: boolean) => string;
};

/**
 * A choice among the user's accounts; nothing for a user who has only their own. Unstyled: style it by `className`
 * or by `data-florin="account-switcher"`.
 */
export function AccountSwitcher({ nameOf = defaultName, ...select }: AccountSwitcherProps) {
  const { data, current, choose } = useAccounts();
  const [own] = data ?? [];
  if (data === null || own === undefined || data.length === 1) {
    return null;
  }
  return (
    <select
      aria-label="Account"
      {...select}
      data-florin="account-switcher"
      value={current?.accountId ?? ''}
      onChange={({ target }) => choose(target.value === own.accountId ? null : target.value)}
    >
      {current === null ? <option value="">–</option> : null}
      {data.map((account) => (
        <option key={account.accountId} value={account.accountId}>
          {nameOf(account, account === own)}
        </option>
      ))}
    </select>
  );
}

function defaultName({ accountId, role }: OwnAccount, isOwn: boolean): string {
  return isOwn ? 'Personal' : `Team ${accountId.slice(0, 8)} (${role})`;
}
