/**
 * A page of at most `limit` rows from what was read with `limit + 1`. `next` is the row that the next page comes
 * after, undefined on the last page.
 */
export function cutPage<T>(
  found: readonly T[],
  limit: number,
): { readonly rows: readonly T[]; readonly next: T | undefined } {
  const rows = found.slice(0, limit);
  return { rows, next: found.length > limit ? rows.at(-1) : undefined };
}
