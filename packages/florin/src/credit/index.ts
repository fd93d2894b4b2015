export { checkCredits, showCredits } from './codec.ts';
export { type Credit, createCredit, MAX_CREDIT_DECIMALS, WHOLE_CREDITS } from './credit.ts';
export { inCredits } from './errors.ts';
export { AMOUNT_FIELDS, showFields, withCredits } from './library.ts';
