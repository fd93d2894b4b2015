/** Postgres' text and jsonb take neither NUL nor half a surrogate pair. */
const UNSTORABLE = /[\0\p{Surrogate}]/u;
const EACH_UNSTORABLE = /[\0\p{Surrogate}]/gu;

/** Whether a text can be stored, signed and sent exactly: well-formed Unicode without NUL. */
export function isStorableText(text: string): boolean {
  return !UNSTORABLE.test(text);
}

/** The text with U+FFFD in place of each character that cannot be stored. */
export function toStorableText(text: string): string {
  return isStorableText(text) ? text : text.replaceAll(EACH_UNSTORABLE, '\ufffd');
}
