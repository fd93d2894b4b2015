/**
 * Splits a SQL file into its statements, without their final semicolons, as the history table keeps
 * them. Knows quotes, escape strings, dollar quotes, nested comments, parentheses and the bodies of
 * `begin atomic … end`; it never changes a character inside a statement.
 */
export function splitStatements(sql: string): string[] {
  const statements: string[] = [];
  let start = 0;
  let at = 0;
  let depth = 0;
  let words: string[] = [];
  const finish = (end: number) => {
    const text = sql.slice(start, end).trim();
    if (words.length > 0) {
      statements.push(text);
    }
    words = [];
    depth = 0;
  };
  while (at < sql.length) {
    const skipped = skipQuoted(sql, at);
    if (skipped > at) {
      if (!isComment(sql, at)) {
        words.push("'");
      }
      at = skipped;
      continue;
    }
    const word = /^[\p{L}_][\p{L}\p{N}_$]*/u.exec(sql.slice(at, at + 64))?.[0];
    if (word !== undefined) {
      words.push(word.toLowerCase());
      depth += blockChange(words);
      at += word.length;
      continue;
    }
    const char = sql[at];
    if (char === ';' && depth <= 0) {
      finish(at);
      start = at + 1;
    } else if (char === '(') {
      depth += 1;
    } else if (char === ')') {
      depth -= 1;
    } else if (char !== undefined && !/\s/.test(char)) {
      words.push(char);
    }
    at += 1;
  }
  finish(sql.length);
  return statements;
}

/** `begin atomic` opens a body; inside one, `case` opens and `end` closes. */
function blockChange(words: string[]): number {
  const word = words.at(-1);
  if (word === 'atomic' && words.at(-2) === 'begin') {
    words.push('<atomic>');
    return 1;
  }
  if (!words.includes('<atomic>')) {
    return 0;
  }
  return word === 'case' ? 1 : word === 'end' ? -1 : 0;
}

function isComment(sql: string, at: number): boolean {
  return sql.startsWith('--', at) || sql.startsWith('/*', at);
}

/** The position after the quote, dollar quote or comment that starts at `at`; `at` when none does. */
function skipQuoted(sql: string, at: number): number {
  const char = sql[at];
  if (sql.startsWith('--', at)) {
    const end = sql.indexOf('\n', at);
    return end === -1 ? sql.length : end + 1;
  }
  if (sql.startsWith('/*', at)) {
    return skipBlockComment(sql, at);
  }
  if (char === "'" || char === '"') {
    return skipQuote({ sql, at, quote: char, escapes: false });
  }
  if ((char === 'e' || char === 'E') && sql[at + 1] === "'") {
    return skipQuote({ sql, at: at + 1, quote: "'", escapes: true });
  }
  if (char === '$') {
    const tag = /^\$([\p{L}_][\p{L}\p{N}_]*)?\$/u.exec(sql.slice(at, at + 66))?.[0];
    if (tag !== undefined) {
      const end = sql.indexOf(tag, at + tag.length);
      return end === -1 ? sql.length : end + tag.length;
    }
  }
  return at;
}

function skipQuote(from: { sql: string; at: number; quote: string; escapes: boolean }): number {
  const { sql, quote, escapes } = from;
  for (let at = from.at + 1; at < sql.length; at += 1) {
    if (escapes && sql[at] === '\\') {
      at += 1;
    } else if (sql[at] === quote) {
      if (sql[at + 1] !== quote) {
        return at + 1;
      }
      at += 1;
    }
  }
  return sql.length;
}

function skipBlockComment(sql: string, start: number): number {
  let depth = 0;
  for (let at = start; at < sql.length; at += 1) {
    if (sql.startsWith('/*', at)) {
      depth += 1;
      at += 1;
    } else if (sql.startsWith('*/', at)) {
      depth -= 1;
      at += 1;
      if (depth === 0) {
        return at + 1;
      }
    }
  }
  return sql.length;
}
