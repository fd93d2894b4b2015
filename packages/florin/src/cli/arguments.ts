import { statSync } from 'node:fs';
import { readSearch, type SearchText } from '../console/index.ts';
import { isUuid } from '../kernel/index.ts';

export function readAccountId(text: string): string {
  if (!isUuid(text)) {
    throw new Error('An account is a uuid: by default the id of the Supabase user.');
  }
  return text.toLowerCase();
}

/** What an operator has at hand: the account's uuid, an id of Stripe's, an e-mail address. */
export function readAccountName(text: string): SearchText {
  const search = readSearch(text);
  if (search === undefined) {
    throw new Error(
      "Name an account's uuid, an e-mail address, or an id of Stripe's: cus_…, pi_…, evt_…",
    );
  }
  return search;
}

/** Who does something by hand, as the ledger keeps it. */
export function readActor(text: string): string {
  const actor = text.trim();
  if (actor === '' || actor.length > 100) {
    throw new Error('Say who you are, in 1 to 100 characters.');
  }
  return actor;
}

/** Why something is done by hand: whoever reads the ledger later finds nothing else. */
export function readReason(text: string): string {
  if (text.trim() === '') {
    throw new Error('Say why, in a few words.');
  }
  return text;
}

/** A folder that is there. */
export function readFolder(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new Error('There is no such folder.');
  }
  return path;
}

/** A folder that is there or can be made. */
export function readFolderToBe(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === false) {
    throw new Error('It is a file, and a folder is needed.');
  }
  return path;
}

/** Credits as they were typed; the database says how many decimals they may have. */
export function readCredits(text: string): string {
  if (!/^[0-9]+(\.[0-9]+)?$/.test(text) || /^[0.]+$/.test(text)) {
    throw new Error('Credits are a number above 0.');
  }
  return text;
}

/** Signed credits, other than 0: `+10`, `10` or `-10`. */
export function readSignedCredits(text: string): string {
  const sign = text.startsWith('-') ? '-' : '';
  try {
    return `${sign}${readCredits(text.replace(/^[+-]/, ''))}`;
  } catch {
    throw new Error('Credits are a number other than 0: +10 or -10.');
  }
}

export function readDate(text: string): Date {
  const date = new Date(text);
  if (!/^\d{4}-\d{2}-\d{2}/.test(text) || Number.isNaN(date.getTime())) {
    throw new Error('A time is written as 2027-01-31 or 2027-01-31T12:00:00Z.');
  }
  return date;
}

export function readCount(text: string): number {
  const count = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(count) || count < 1 || count > 1_000) {
    throw new Error('A count is a whole number from 1 to 1000.');
  }
  return count;
}

export function readPort(text: string): number {
  const port = Number(text);
  if (!/^[0-9]+$/.test(text) || port < 1 || port > 65_535) {
    throw new Error('A port is a whole number from 1 to 65535.');
  }
  return port;
}
