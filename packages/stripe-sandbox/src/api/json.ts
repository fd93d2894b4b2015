import { invalid } from './errors.ts';
import type { Form, FormValue } from './form.ts';

/** Reads a JSON body, as the v2 API takes it, into what a form of the v1 API would say. */
export function formOfJson(body: string): Form {
  if (body === '') {
    return {};
  }
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw invalid('The request body is not JSON.');
  }
  const form = formValue(value);
  if (typeof form === 'string') {
    throw invalid('The request body is not a JSON object.');
  }
  return form;
}

function formValue(value: unknown): FormValue {
  if (value === null || typeof value !== 'object') {
    return value === null ? '' : String(value);
  }
  const form: Form = Object.create(null);
  for (const [key, inside] of Object.entries(value)) {
    form[key] = formValue(inside);
  }
  return form;
}
