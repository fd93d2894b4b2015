/** The id of what Stripe names: by its id, or expanded to the whole object. Null: nothing is named. */
export function idOf(
  reference: string | { readonly id: string } | null | undefined,
): string | null {
  return typeof reference === 'string' ? reference : (reference?.id ?? null);
}
