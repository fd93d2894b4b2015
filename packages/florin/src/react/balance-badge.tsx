import type { ComponentProps, ReactNode } from 'react';
import type { Balance } from '../browser/index.ts';
import { formatCredits } from './money.ts';
import { useBalance } from './use-balance.ts';

export type BalanceBadgeProps = Omit<ComponentProps<'span'>, 'children'> & {
  /** At or below this many available credits `data-low` is set. */
  lowAt?: number;
  /** What stands beside the number; default `credits`. */
  unit?: string;
  children?: (balance: Balance) => ReactNode;
};

/**
 * The available credits, live. Unstyled: style it by `className` or by `data-florin="balance"`,
 * `data-state` (`loading`, `ready`, `stale`) and `data-low`.
 */
export function BalanceBadge(props: BalanceBadgeProps) {
  const { lowAt = 0, unit = 'credits', children, ...span } = props;
  const { balance, error } = useBalance();
  const state = balance === null ? 'loading' : error === null ? 'ready' : 'stale';
  return (
    <span
      {...span}
      data-florin="balance"
      data-state={state}
      data-low={balance !== null && Number(balance.available) <= lowAt ? '' : undefined}
    >
      {balance === null
        ? '–'
        : (children?.(balance) ?? `${formatCredits(balance.available)} ${unit}`)}
    </span>
  );
}
