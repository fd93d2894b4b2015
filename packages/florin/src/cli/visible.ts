/**
 * C0 and C1 control characters with DEL, and the marks that turn the direction of writing; not the line
 * feed, which ends our own lines.
 */
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Text in which nothing is an order to the terminal: what buyers and apps have written may clear the
 * screen, forge rows or write the clipboard. Escaped as JSON does it, so that JSON keeps its meaning.
 */
export function visible(text: string): string {
  return text.replaceAll(UNSEEN, escaped);
}

/** The same for a part of a line: a line feed within it would begin a row of its own. */
export function visibleInLine(text: string): string {
  return visible(text).replaceAll('\n', escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
