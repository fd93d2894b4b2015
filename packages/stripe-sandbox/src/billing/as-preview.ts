import type { Params } from '../api/params.ts';
import { present } from '../api/present.ts';
import type { Invoice, InvoiceLine } from '../shapes.ts';
import { listOf } from '../shapes.ts';
import { newId, type World } from '../world.ts';

/** A draft as a preview shows it: under ids that are known nowhere else. */
export function asPreview(world: World, draft: Invoice, params: Params): object {
  const id = newId('upcoming_in');
  const shown = present(world, draft);
  const lines = (world.store.get('invoice_lines', draft.id)?.lines ?? []).map((line) => ({
    ...line,
    id: newId('il_tmp'),
    invoice: id,
  }));
  const at = prorationDate(lines, params);
  const { parent } = draft;
  return {
    ...shown,
    id,
    billing_reason: 'upcoming',
    auto_advance: true,
    automatically_finalizes_at: null,
    lines: { ...listOf(lines, `/v1/invoices/${id}/lines`), total_count: lines.length },
    parent:
      parent?.subscription_details == null || at === undefined
        ? parent
        : {
            ...parent,
            subscription_details: {
              ...parent.subscription_details,
              subscription_proration_date: at,
            },
          },
  };
}

/** The moment that this change is prorated at: it came last. */
function prorationDate(lines: readonly InvoiceLine[], params: Params): number | undefined {
  const asked = params.object('subscription_details')?.integer('proration_date');
  const starts = lines
    .filter(({ parent }) => parent?.invoice_item_details?.proration === true)
    .map(({ period }) => period.start);
  return starts.length === 0 ? undefined : (asked ?? Math.max(...starts));
}
