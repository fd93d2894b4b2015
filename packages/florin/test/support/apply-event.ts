import type { SqlValue, Statement } from '../../src/db/index.ts';

type Json = Record<string, unknown>;

/** The values of a call of billing.apply_event with other commands than it was to carry out. */
export function withCommands(
  statement: Statement,
  values: readonly SqlValue[] = [],
  change: (commands: Json[]) => Json[] = () => [],
): SqlValue[] {
  const place = Number(/p_commands => \$(\d+)/.exec(statement.text)?.[1]) - 1;
  const commands = change(JSON.parse(String(values[place] ?? '[]')) as Json[]);
  return values.with(place, commands.length === 0 ? null : JSON.stringify(commands));
}
