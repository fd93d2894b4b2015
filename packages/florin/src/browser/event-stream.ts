export type ServerEvent = { readonly name: string; readonly data: string };

/**
 * Parses a text/event-stream that arrives in pieces (WHATWG HTML, 9.2.6). Comments are skipped;
 * `retry` is handed to `onRetry` in milliseconds.
 */
export function createEventParser(
  onEvent: (event: ServerEvent) => void,
  onRetry: (ms: number) => void = () => {},
): (text: string) => void {
  let rest = '';
  let name = '';
  let data: string[] = [];

  function line(text: string): void {
    if (text === '') {
      if (data.length > 0) {
        onEvent({ name: name === '' ? 'message' : name, data: data.join('\n') });
      }
      name = '';
      data = [];
      return;
    }
    const colon = text.indexOf(':');
    const field = colon === -1 ? text : text.slice(0, colon);
    const value = colon === -1 ? '' : text.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') {
      data.push(value);
    } else if (field === 'event') {
      name = value;
    } else if (field === 'retry' && /^\d+$/.test(value)) {
      onRetry(Number(value));
    }
  }

  return (text) => {
    // A carriage return at the end of a piece may be half of a line end.
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const each of lines) {
      line(each);
    }
  };
}
