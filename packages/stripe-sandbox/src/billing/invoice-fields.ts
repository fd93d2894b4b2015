import { invalid } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import type { Invoice } from '../shapes.ts';
import { COLLECTION_METHODS, settleCollection } from './collection.ts';

const DAY = 86_400;
const MAX_CUSTOM_FIELDS = 4;

/** What an invoice says and nothing depends on, as far as it was said; an empty value takes it off. */
export function readInvoiceFields(params: Params): Partial<Invoice> {
  const fields: Partial<Invoice> = {};
  for (const key of ['description', 'footer', 'number', 'statement_descriptor'] as const) {
    if (params.has(key)) {
      fields[key] = params.text(key) ?? null;
    }
  }
  if (params.has('custom_fields')) {
    fields.custom_fields = readCustomFields(params);
  }
  return fields;
}

export function readCustomFields(params: Params): Invoice['custom_fields'] {
  const fields = params.objects('custom_fields').map((field) => ({
    name: field.need('name'),
    value: field.need('value'),
  }));
  if (fields.length > MAX_CUSTOM_FIELDS) {
    throw invalid(`An invoice can have up to ${MAX_CUSTOM_FIELDS} custom fields.`, {
      param: params.name('custom_fields'),
    });
  }
  return fields.length === 0 ? null : fields;
}

type Payable = Pick<Invoice, 'collection_method' | 'due_date'>;

/**
 * Whether an invoice is charged, or sent and due at `due_date` or so many days after `created`, in
 * seconds since 1970. Raises a 400 where what is sent has no such day, or what is charged has one.
 */
export function readPayable(
  params: Params,
  { now, created, before }: { now: number; created: number; before?: Payable },
): Payable {
  const given = params.integer('due_date');
  if (given !== undefined && params.has('days_until_due')) {
    throw invalid('You may only specify one of these parameters: days_until_due, due_date.', {
      param: 'due_date',
    });
  }
  if (given !== undefined && given <= now) {
    throw invalid('Invalid timestamp: must be an integer Unix timestamp in the future', {
      param: 'due_date',
    });
  }
  const daysUntil = (moment: number) => (moment - created) / DAY;
  const due = before?.due_date ?? null;
  const { method, days } = settleCollection(
    {
      method: params.oneOf('collection_method', COLLECTION_METHODS),
      days: given === undefined ? params.integer('days_until_due') : daysUntil(given),
      param: given === undefined ? 'days_until_due' : 'due_date',
    },
    before?.collection_method == null
      ? undefined
      : { method: before.collection_method, days: due === null ? null : daysUntil(due) },
  );
  return {
    collection_method: method,
    due_date: days === null ? null : Math.round(created + days * DAY),
  };
}
